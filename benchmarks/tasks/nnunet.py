"""nnU-Net's own loader: patches of its compressed volumes, by its multiprocessing augmenter."""
import contextlib, io
from pathlib import Path

import numpy as np
import torchio as tio
from batchgenerators.dataloading.nondet_multi_threaded_augmenter import NonDetMultiThreadedAugmenter
from nnunetv2.training.dataloading.data_loader import nnUNetDataLoader
from nnunetv2.training.dataloading.nnunet_dataset import comp_blosc2_params, nnUNetDatasetBlosc2
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer
from nnunetv2.utilities.label_handling.label_handling import LabelManager

import common, synthetic
from measure import loader_figures


def _write_cases(folder):
    "The training volumes on the benchmark's grid in nnU-Net's format, with up to 10,000 places of each class"
    folder.mkdir()
    grid, rng = tio.Compose([tio.ToCanonical(), tio.Resample(common.SPACING),
                             tio.ZNormalization()]), np.random.default_rng(0)
    for i, r in enumerate(r for r in synthetic.training_volumes() if not r['is_valid']):
        s = grid(tio.Subject(image=tio.ScalarImage(r['image']), mask=tio.LabelMap(r['mask'])))
        data, seg = s.image.numpy(), s.mask.numpy().astype(np.int8)
        places = {c: np.argwhere(seg == c) for c in (1, 2)}
        blocks, chunks = comp_blosc2_params(data.shape, tuple(common.PATCH))
        properties = dict(class_locations={c: p[rng.permutation(len(p))[:10_000]] for c, p in places.items()})
        nnUNetDatasetBlosc2.save_case(data, seg, properties, str(folder/f'case_{i:03}'), chunks=chunks, blocks=blocks)


class _Epochs:
    "An epoch is as many batches as the patches of all volumes fill"
    def __init__(self, batches, n): self.batches, self.n = batches, n
    def __iter__(self): return (next(self.batches) for _ in range(self.n))


def _patches(transforms=None):
    folder = Path('nnunet')
    with contextlib.redirect_stdout(io.StringIO()): _write_cases(folder)
    def make():
        ds = nnUNetDatasetBlosc2(str(folder))
        dl = nnUNetDataLoader(ds, common.BS, common.PATCH, common.PATCH,
                              LabelManager({'background': 0, 'one': 1, 'two': 2}, None), common.FOREGROUND,
                              transforms=transforms)
        return _Epochs(NonDetMultiThreadedAugmenter(dl, None, common.WORKERS, seeds=None),
                       len(ds.identifiers)*common.PER_VOLUME//common.BS)
    return loader_figures(make, size=lambda b: len(b['data']))


def patches():
    "Patches, from files that are written before the clock starts"
    return _patches()


def patches_augmented():
    "The same with its transforms for training"
    return _patches(nnUNetTrainer.get_training_transforms(np.array(common.PATCH), (-30/360*2*np.pi, 30/360*2*np.pi),
                                                          None, (0, 1, 2), False, [False], foreground_labels=[1, 2]))
