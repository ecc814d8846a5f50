"""MONAI alone: dictionary transforms, its caching data sets, its loader, its sliding window."""
import torch
from monai.data import CacheDataset, DataLoader, PersistentDataset
from monai.inferers import sliding_window_inference
from monai.transforms import (Compose, EnsureChannelFirstd, LoadImaged, NormalizeIntensityd, Orientationd, RandAffined,
                              RandCropByPosNegLabeld, RandFlipd,
                              RandGaussianNoised, RandGaussianSmoothd, RandAdjustContrastd, RandScaleIntensityd,
                              RandSimulateLowResolutiond, ResizeWithPadOrCropd, Spacingd)

import common, synthetic
from measure import loader_figures, peak_memory, seconds

KEYS, MODES = ['image', 'mask'], ('bilinear', 'nearest')
GRID = [LoadImaged(KEYS), EnsureChannelFirstd(KEYS), Orientationd(KEYS, 'RAS', labels=None),
        Spacingd(KEYS, common.SPACING, mode=MODES), NormalizeIntensityd('image')]


def _loader(tfms, cached, bs):
    rows = [r for r in synthetic.training_volumes() if not r['is_valid']]
    synthetic.warm(rows)
    def make():
        ds = (
            CacheDataset(rows, Compose(tfms), num_workers=common.WORKERS, progress=False)
            if cached == 'memory'
            else PersistentDataset(rows, Compose(tfms), cache_dir='monai')
        )
        return DataLoader(ds, batch_size=bs, shuffle=True, num_workers=common.WORKERS)
    return loader_figures(make, size=lambda b: len(b['image']))


def _whole(cached, *random):
    return _loader([*GRID, ResizeWithPadOrCropd(KEYS, common.SIZE), *random], cached, common.BS)


def whole():
    "Volumes from a PersistentDataset, on disk"
    return _whole('disk')


def whole_memory():
    "Volumes from a CacheDataset, in memory"
    return _whole('memory')


def whole_random():
    "Volumes from a PersistentDataset, and affine and flip"
    return _whole('disk', RandAffined(KEYS, prob=common.P, rotate_range=[.1745]*3,
                                      scale_range=[common.AFFINE['scales']]*3, mode=MODES),
                                      RandFlipd(KEYS, prob=common.P, spatial_axis=0))


def _patches(*random):
    cut = RandCropByPosNegLabeld(KEYS, 'mask', common.PATCH, pos=common.FOREGROUND, neg=1-common.FOREGROUND,
                                 num_samples=common.PER_VOLUME)
    return _loader([*GRID, cut, *random], 'memory', common.BS//common.PER_VOLUME)


def patches():
    "Patches of volumes in a CacheDataset"
    return _patches()


def patches_augmented():
    "The same with transforms as nnU-Net has them, with the probabilities of fastMONAI 0.12.0's suggestion"
    return _patches(RandAffined(KEYS, prob=.2, rotate_range=[.5236]*3, scale_range=[(-.3, .4)]*3, mode=MODES),
                    RandSimulateLowResolutiond('image', prob=.25),
                    RandFlipd(KEYS, prob=.5, spatial_axis=0), RandFlipd(KEYS, prob=.5, spatial_axis=1),
                    RandFlipd(KEYS, prob=.5, spatial_axis=2),
                    RandAdjustContrastd('image', prob=.3, gamma=(.7, 1.5)), RandScaleIntensityd('image', .25, prob=.1),
                    RandGaussianNoised('image', prob=.1), RandGaussianSmoothd('image', prob=.2))


def window():
    "Sliding window over a volume of 256x256x128, from the normalised tensor to labels"
    path, model, res = synthetic.large_volumes()[0], common.trained_unet(), {}
    x = common.normalised(path)
    def predict():
        with torch.no_grad():
            return sliding_window_inference(x, common.WINDOW, 4, model, overlap=common.OVERLAP,
                                            mode='gaussian').argmax(1).to(torch.uint8)
    with peak_memory(res): took, labels = seconds(predict)
    common.keep_labels(labels, 'monai_alone')
    return dict(seconds=took, **res)
