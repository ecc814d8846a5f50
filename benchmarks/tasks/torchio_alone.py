"""TorchIO alone: SubjectsDataset, its loader and its queue."""
import torchio as tio

import common, synthetic
from measure import loader_figures

GRID = [tio.ToCanonical(), tio.Resample(common.SPACING), tio.ZNormalization()]


def _subjects(*random):
    rows = [r for r in synthetic.training_volumes() if not r['is_valid']]
    synthetic.warm(rows)
    return tio.SubjectsDataset([tio.Subject(image=tio.ScalarImage(r['image']), mask=tio.LabelMap(r['mask']))
                                for r in rows], tio.Compose([*GRID, *random]))


def _size(batch): return len(batch['image'][tio.DATA])


def _whole(*random):
    def make():
        return tio.SubjectsLoader(_subjects(tio.CropOrPad(common.SIZE), *random), batch_size=common.BS, shuffle=True,
                                  num_workers=common.WORKERS)
    return loader_figures(make, size=_size)


def whole():
    "Volumes through reorder, resample, z-normalise, pad"
    return _whole()


def whole_random():
    "The same, and affine and flip"
    return _whole(tio.RandomAffine(**common.AFFINE, p=common.P), tio.RandomFlip('LR', flip_probability=common.P))


def patches():
    "Patches from a Queue"
    def make():
        sampler = tio.LabelSampler(common.PATCH, 'mask',
                                   {0: 1-common.FOREGROUND, 1: common.FOREGROUND/2, 2: common.FOREGROUND/2})
        queue = tio.Queue(_subjects(), max_length=300, samples_per_volume=common.PER_VOLUME, sampler=sampler,
                          num_workers=common.WORKERS)
        return tio.SubjectsLoader(queue, batch_size=common.BS, num_workers=0)
    return loader_figures(make, size=_size)
