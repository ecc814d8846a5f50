"""fastMONAI 0.12.0, as its own documentation uses it."""
import statistics, time

import pandas as pd
import torch
from fastMONAI.vision_all import (ColReader, ColSplitter, CustomLoss, ImageBlock, Learner, MedDataBlock, MedDataset,
                                  MedImage, MedMaskBlock, MedPatchDataLoaders,
                                  PadOrCrop, PatchConfig, PatchInferenceEngine, RandomAffine, RandomFlip, RandomGamma,
                                  ZNormalization, inference, preprocess_dataset,
                                  ranger)
from fastMONAI.vision_augmentation import gpu_patch_augmentations, suggest_patch_augmentations
from monai.losses import DiceCELoss

import common, synthetic
from measure import loader_figures, peak_memory, seconds, typical_seconds
from ._hippocampus import EpochTimes, epoch_figures, minutes_figures


def _loaders(rows, item_tfms, bs, **kwargs):
    block = MedDataBlock(blocks=(ImageBlock(cls=MedImage), MedMaskBlock), get_x=ColReader('image'),
                         get_y=ColReader('mask'), splitter=ColSplitter('is_valid'),
                         item_tfms=item_tfms, **kwargs)
    return block.dataloaders(pd.DataFrame(rows), bs=bs, num_workers=common.WORKERS)


def _whole(*random):
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    tfms = [ZNormalization(), PadOrCrop(common.SIZE), *random]
    return loader_figures(lambda: _loaders(rows, tfms, common.BS, apply_reorder=True,
                                           target_spacing=common.SPACING).train)


def whole():
    "Volumes through reorder, resample, z-normalise, pad"
    return _whole()


def whole_random():
    "The same, and affine and flip"
    return _whole(RandomAffine(**common.AFFINE, p=common.P), RandomFlip(axes='LR', p=common.P))


def _patches(cached=False, workers=common.WORKERS, **kwargs):
    """Its queue: from the files, or from volumes that `preprocess_dataset` wrote (the time of that counts in the first
    epoch)"""
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    def make():
        df = pd.DataFrame(rows)
        if cached:
            preprocess_dataset(df, 'image', 'mask', output_dir='preprocessed', target_spacing=common.SPACING,
                               transforms=[ZNormalization()], max_workers=workers)
        config = PatchConfig(patch_size=common.PATCH, samples_per_volume=common.PER_VOLUME, sampler_type='label',
                             queue_num_workers=workers, preprocessed=cached,
                             label_probabilities={0: 1-common.FOREGROUND, 1: common.FOREGROUND/2,
                                                  2: common.FOREGROUND/2},
                             apply_reorder=True, target_spacing=common.SPACING, normalization=[ZNormalization()])
        return MedPatchDataLoaders.from_df(df, 'image', 'mask', valid_col='is_valid', patch_config=config, bs=common.BS,
                                           **kwargs).train
    return loader_figures(make)


def patches():
    "Patches from its queue"
    return _patches()


def patches_cached():
    "Patches from its queue over its own preprocessed volumes"
    return _patches(cached=True)


def patches_augmented():
    "The same with the transforms it suggests, one patch at a time"
    return _patches(cached=True, patch_tfms=suggest_patch_augmentations(common.PATCH, common.SPACING))


def patches_batch_augmented():
    "The same with its transforms of whole batches, on the CPU"
    return _patches(cached=True, gpu_augmentation=gpu_patch_augmentations(common.PATCH, common.SPACING))


def patches_raw_augmented():
    "Patches from its queue over the files, with the transforms it suggests"
    return _patches(patch_tfms=suggest_patch_augmentations(common.PATCH, common.SPACING))


def summary():
    "Summary of a data set, nothing remembered from before"
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    return dict(seconds=typical_seconds(lambda: MedDataset(img_list=[r['image'] for r in rows],
                                                           use_cache=False).summary())[0])


def window():
    "Sliding window over a volume of 256x256x128"
    path, model, res = synthetic.large_volumes()[0], common.trained_unet(), {}
    config = PatchConfig(patch_size=common.WINDOW, patch_overlap=common.OVERLAP, apply_reorder=False,
                         normalization=[ZNormalization()])
    engine = PatchInferenceEngine(model, config)
    with peak_memory(res): took, pred = seconds(engine.predict, path)
    common.keep_labels(pred, 'fastmonai_0_12')
    return dict(seconds=took, dtype=str(pred.dtype), **res)


def restore():
    """From the network's output, 8 classes at 1.2 mm, to the labels of a file of 1 mm and 256x256x128 voxels: what its
    `inference` does after the network"""
    path, model = synthetic.large_volumes()[0], common.EightClasses(time.perf_counter)
    rows = [dict(image=str(path), mask=synthetic.mask_of(path), is_valid=v) for v in (False, True)]
    size, spacing = [216, 216, 112], [1.2]*3
    learn = Learner(_loaders(rows, [ZNormalization(), PadOrCrop(size)], 1, apply_reorder=False, target_spacing=spacing),
                    model, loss_func=CustomLoss(loss_func=DiceCELoss(softmax=True, to_onehot_y=True)))
    figures = {}
    for how in ('shape', 'nearest'):
        with peak_memory(figures, f'{how}_peak_mb'):
            mask = inference(learn, False, spacing, fn=path, label_interpolation=how)
        figures[f'{how}_s'] = time.perf_counter() - model.ended
    return figures | dict(kind=str(type(mask)))


def _learner(**kwargs):
    rows = synthetic.hippocampus()
    synthetic.warm(rows)
    tfms = [ZNormalization(), PadOrCrop(common.HIPPOCAMPUS_SIZE), RandomAffine(**common.AFFINE, p=common.P),
            RandomGamma(p=.3)]
    return Learner(_loaders(rows, tfms, common.HIPPOCAMPUS_BS), common.unet(3),
                   loss_func=CustomLoss(loss_func=DiceCELoss(to_onehot_y=True, softmax=True)),
                   metrics=common.mean_dice, **kwargs)


def hippocampus():
    "An epoch of training and validation"
    return epoch_figures(_learner())


def hippocampus_long():
    """Minutes to a Dice of 0.87 by the recipe of its tutorials: ranger, the learning rate that `lr_find` suggests,
    flat and then cosine"""
    return minutes_figures(lambda: _learner(opt_func=ranger),
                           lambda learn: learn.fit_flat_cos(60, learn.lr_find(show_plot=False).valley))


def _cuda(name):
    "Seconds of a training step on the device, with its preprocessed queue and its transforms of batches"
    shape, device = common.asked_shape(name)
    df, spacing = pd.DataFrame(common.shape_volumes(shape)), [1.]*3
    preprocess_dataset(df, 'image', 'mask', output_dir='preprocessed', target_spacing=spacing,
                       transforms=[ZNormalization()], max_workers=8)
    config = PatchConfig(patch_size=list(shape.size), samples_per_volume=shape.per_volume, sampler_type='label',
                         preprocessed=True, target_spacing=spacing,
                         label_probabilities={0: 2/3, 1: 1/6, 2: 1/6}, normalization=[ZNormalization()])
    dls = MedPatchDataLoaders.from_df(df, 'image', 'mask', valid_col='is_valid', patch_config=config, bs=shape.bs,
                                      device=device,
                                      gpu_augmentation=gpu_patch_augmentations(list(shape.size), spacing))
    learn = Learner(dls, common.dynunet(shape.levels).to(device),
                    loss_func=CustomLoss(loss_func=DiceCELoss(to_onehot_y=True, softmax=True))).to_bf16()
    times = EpochTimes('train')
    with learn.no_bar(), learn.no_logging(): learn.fit(4, 1e-3, cbs=times)
    return dict(step_s=statistics.median(times.seconds[1:]) / len(dls.train))


def cuda_large():
    "A step at 128x128x128, 2 in a batch"
    return _cuda('large')


def cuda_small():
    "A step at 40x56x40, 9 in a batch"
    return _cuda('small')


def dice():
    """The recipe of its tutorials (ranger, `lr_find`, flat and then cosine) within $BENCHMARK_MINUTES, masks of the
    validation cases"""
    from . import _dice
    train, valid = _dice.cases()
    watch, times = _dice.Watch(), EpochTimes()
    learn = _learner(opt_func=ranger)
    lr = learn.lr_find(show_plot=False).valley
    with learn.no_bar():
        learn.fit_flat_cos(1, lr, cbs=times) # says how long an epoch takes
        epochs = watch.epochs(times.seconds[-1])
        learn.fit_flat_cos(epochs, lr)
    trained = watch.minutes
    for r in valid:
        mask = inference(learn, True, [1, 1, 1], r['image'])
        _dice.write(r, torch.as_tensor(mask.data if hasattr(mask, 'data') else mask)[0])
    return dict(train_minutes=trained, prepare_minutes=0., predict_minutes=watch.minutes - trained, epochs=epochs + 1)
