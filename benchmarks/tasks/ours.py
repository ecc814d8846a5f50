"""This library, as its own documentation uses it."""
import os, time

import pandas as pd
import torch
from fastMONAI.vision_all import (ColReader, ColSplitter, CustomLoss, ImageBlock, Learner, MedDataBlock, MedDataset, MedImage, MedMask, MedMaskBlock, PadOrCrop,
                                  Patches, RandomAffine, RandomFlip, RandomGamma, ZNormalization)
from monai.losses import DiceCELoss

import common, synthetic
from measure import loader_figures, own_memory, peak_memory, seconds
from ._hippocampus import epoch_figures, minutes_figures


def _loaders(rows, item_tfms, bs, batch_tfms=None, num_workers=common.WORKERS, **kwargs):
    block = MedDataBlock((ImageBlock(cls=MedImage), MedMaskBlock), get_x=ColReader('image'), get_y=ColReader('mask'), splitter=ColSplitter('is_valid'),
                         item_tfms=item_tfms, batch_tfms=batch_tfms, **kwargs)
    return block.dataloaders(pd.DataFrame(rows), bs=bs, num_workers=num_workers)


def _whole(*random, **kwargs):
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    tfms = [ZNormalization(), PadOrCrop(common.SIZE), *random]
    return loader_figures(lambda: _loaders(rows, tfms, common.BS, reorder=True, resample=common.SPACING, cache='disk', **kwargs).train)


def whole():
    "Volumes through reorder, resample, z-normalise, pad"
    return _whole()


def whole_random():
    "The same, and affine and flip of whole batches in one resampling"
    from fastMONAI.vision_all import BatchAffine, BatchFlip, BatchSpatial
    return _whole(batch_tfms=BatchSpatial(affine=BatchAffine(**common.AFFINE, p=common.P), flip=BatchFlip(axes='LR', p=common.P, flip_probability=1.)))


def whole_items_random():
    "The same by item transforms, in the workers"
    return _whole(RandomAffine(**common.AFFINE, p=common.P), RandomFlip(axes='LR', p=common.P))


def _patches(batch_tfms=None):
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    cut = Patches(tuple(common.PATCH), common.PER_VOLUME, common.FOREGROUND)
    return loader_figures(lambda: _loaders(rows, [ZNormalization()], common.BS, batch_tfms, reorder=True, resample=common.SPACING, cache='disk', patches=cut).train)


def patches():
    "Patches cut from prepared volumes"
    return _patches()


def patches_augmented():
    "The same with the preset of batch transforms"
    from fastMONAI.vision_all import aug_transforms3d
    return _patches(aug_transforms3d())


def summary():
    "Summary of a data set"
    rows = synthetic.training_volumes()
    synthetic.warm(rows)
    figures = [seconds(lambda: MedDataset(img_list=[r['image'] for r in rows]).summary())[0] for _ in range(3)]
    return dict(seconds=sorted(figures)[1])


def _learner():
    rows = synthetic.hippocampus()
    synthetic.warm(rows)
    tfms = [ZNormalization(), PadOrCrop(common.HIPPOCAMPUS_SIZE), RandomAffine(**common.AFFINE, p=common.P), RandomGamma(p=.3)]
    return Learner(_loaders(rows, tfms, common.HIPPOCAMPUS_BS), common.unet(3), loss_func=CustomLoss(loss_func=DiceCELoss(to_onehot_y=True, softmax=True)),
                   metrics=common.mean_dice)


def hippocampus():
    "An epoch of training and validation"
    return epoch_figures(_learner())


def hippocampus_long():
    "Minutes to a Dice of 0.87 by the recipe of its tutorial"
    return minutes_figures(_learner, lambda learn: learn.fit_one_cycle(30, 5e-3))
