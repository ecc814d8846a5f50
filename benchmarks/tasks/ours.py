"""This library, as its own documentation uses it."""
import statistics, time

from fastMONAI.learning.sliding_window import sliding_window
from fastMONAI.vision_all import (BatchAffine, BatchAnisotropy, BatchBlur, BatchBrightness, BatchFlip, BatchGamma,
                                  BatchNoise, BatchSpatial, Cache, ColReader,
                                  ColSplitter, CustomLoss, ImageBlock, Learner, MedDataBlock, MedDataset, MedImage,
                                  MedMaskBlock, PadOrCrop, Patches,
                                  RandomAffine, RandomFlip, ZNormalization, aug_transforms3d, restore_labels, to_labels)
import pandas as pd
import torch  # after fastMONAI, which says how its threads wait
from monai.losses import DiceCELoss

import common, synthetic
from measure import loader_figures, own_memory, peak_memory, seconds, typical_seconds
from ._hippocampus import epoch_figures, minutes_figures


def _loaders(rows, item_tfms, bs, batch_tfms=None, num_workers=None, **kwargs):
    block = MedDataBlock((ImageBlock(cls=MedImage), MedMaskBlock), get_x=ColReader('image'), get_y=ColReader('mask'),
                         splitter=ColSplitter('is_valid'),
                         item_tfms=item_tfms, batch_tfms=batch_tfms, **kwargs)
    return block.dataloaders(pd.DataFrame(rows), bs=bs, num_workers=num_workers)


def _whole(*random, **kwargs):
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    tfms = [ZNormalization(), PadOrCrop(common.SIZE), *random]
    return loader_figures(lambda: _loaders(rows, tfms, common.BS, reorder=True, resample=common.SPACING, cache='disk',
                                           **kwargs).train)


def whole():
    "Volumes through reorder, resample, z-normalise, pad"
    return _whole()


def whole_random():
    "The same, and affine and flip of whole batches in one resampling"
    return _whole(batch_tfms=BatchSpatial(affine=BatchAffine(**common.AFFINE, p=common.P),
                                          flip=BatchFlip(axes='LR', p=common.P, flip_probability=1.)))


def whole_items_random():
    "The same by item transforms, in the workers"
    return _whole(RandomAffine(**common.AFFINE, p=common.P), RandomFlip(axes='LR', p=common.P))


def _patches(batch_tfms=None):
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    cut = Patches(tuple(common.PATCH), common.PER_VOLUME, common.FOREGROUND)
    return loader_figures(lambda: _loaders(rows, [ZNormalization()], common.BS, batch_tfms, reorder=True,
                                           resample=common.SPACING, cache='disk', patches=cut).train)


def patches():
    "Patches cut from prepared volumes"
    return _patches()


def patches_augmented():
    "The same with batch transforms, with the probabilities that fastMONAI 0.12.0 suggests"
    moves = BatchSpatial(BatchAffine((.7, 1.4), 30, isotropic=True, p=.2), flip=BatchFlip(p=1))
    return _patches([moves, BatchAnisotropy(p=.25), BatchGamma(.3, p=.3), BatchBrightness(p=.1),
                     BatchNoise(std=.1, p=.1), BatchBlur((.5, 1), p=.2)])


def patches_preset():
    "The same with the library's preset of batch transforms"
    return _patches(aug_transforms3d())


def summary():
    "Summary of a data set"
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    return dict(seconds=typical_seconds(lambda: MedDataset(img_list=[r['image'] for r in rows]).summary())[0])


def _window(name, overlap=common.OVERLAP, precision=torch.float32):
    "From the normalised tensor to labels"
    x, model, res = common.normalised(synthetic.large_volumes()[0])[0], common.trained_unet(), {}
    def predict():
        with torch.autocast('cpu', torch.bfloat16, enabled=precision is not torch.float32):
            return sliding_window(model, x, common.WINDOW, overlap, batch_size=2, finish=to_labels)
    with peak_memory(res): took, labels = seconds(predict)
    common.keep_labels(labels, name)
    return dict(seconds=took, dtype=str(labels.dtype), **res)


def window():
    "Sliding window over a volume of 256x256x128, from the normalised tensor to labels"
    return _window('ours')


def window_own():
    "The same with the smallest overlap"
    return _window('ours_own', 'auto')


def window_bf16():
    "With an overlap of a half in bfloat16, which is what a `Learner` takes where it is the faster"
    return _window('ours_bf16', precision=torch.bfloat16)


def restore():
    "From the network's output, 8 classes at 1.2 mm, to labels of 256x256x128 voxels of 1 mm"
    to, size, res = MedImage(torch.zeros(1, 256, 256, 128), affine=torch.eye(4)), (216, 216, 112), {}
    logits, seen = common.EightClasses(time.perf_counter)(torch.zeros(1, 1,
                                                                      *size))[0], PadOrCrop(size)(to.resample([1.2]*3))
    probabilities = logits.softmax(0)
    with peak_memory(res): took, labels = typical_seconds(restore_labels, probabilities, seen.geometry, to.geometry)
    return dict(seconds=took, dtype=str(labels.dtype), **res)


def _scale(n, items=500):
    "Anonymous memory, and rate after an epoch's first batch, over `n` volumes of 48x48x48"
    rows = synthetic.small_volumes(n)
    dl = _loaders(rows, [ZNormalization()], 2, cache=Cache(synthetic.HOME/'small-cache', progress=False)).train
    anon, rates = [], []
    for _ in range(1 + max(2, items//n)):
        batches = iter(dl)
        next(batches)                                    # the workers have started
        done, start = 0, time.perf_counter()
        for i, b in enumerate(batches):
            done += len(b[0])
            if i % 20 == 0: anon.append(own_memory(shared=False))
        rates.append(done / (time.perf_counter() - start))
    return dict(anon_mb=max(anon), items_per_s=statistics.median(rates[1:]))


def scale_50():
    "50 prepared volumes of 48x48x48 in a loader"
    return _scale(50)


def scale_500():
    "500 of them"
    return _scale(500)


def scale_5000():
    "5000 of them"
    return _scale(5000)


def _learner():
    rows = synthetic.hippocampus()
    synthetic.warm(rows)
    batch_tfms = [BatchSpatial(BatchAffine(**common.AFFINE, p=common.P)), BatchGamma(p=.3)]
    return Learner(_loaders(rows, [ZNormalization(), PadOrCrop(common.HIPPOCAMPUS_SIZE)], common.HIPPOCAMPUS_BS,
                            batch_tfms), common.unet(3),
                            loss_func=CustomLoss(loss_func=DiceCELoss(to_onehot_y=True, softmax=True)),
                   metrics=common.mean_dice)


def hippocampus():
    "An epoch of training and validation"
    return epoch_figures(_learner())


def hippocampus_long():
    "Minutes to a Dice of 0.87 by the recipe of its tutorial"
    return minutes_figures(_learner, lambda learn: learn.fit_one_cycle(30, 5e-3))


def dice():
    "`auto_train` within $BENCHMARK_MINUTES, masks of the validation cases"
    from fastMONAI.vision_all import auto_train, inference
    from . import _dice
    train, valid = _dice.cases()
    df, watch = pd.DataFrame([*train, *valid]), _dice.Watch()
    df['split'] = ['train']*len(train) + ['valid']*len(valid)
    run = auto_train(df[['image', 'mask', 'split']], 'run', budget=f'{_dice.minutes()}m')
    trained = watch.minutes
    for r in valid: _dice.write(r, inference(run.model, r['image']).labels[0])
    return dict(train_minutes=trained, prepare_minutes=0., predict_minutes=watch.minutes - trained,
                epochs=run.plan.epochs)
