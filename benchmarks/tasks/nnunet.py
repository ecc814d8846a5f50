"""nnU-Net's own loader: patches of its compressed volumes, by its multiprocessing augmenter."""
import contextlib, io, os
from pathlib import Path

for _k in ('raw', 'preprocessed', 'results'): os.environ[f'nnUNet_{_k}'] = str(Path.cwd()/_k) # read when it is imported

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


def _raw_dataset(rows):
    "The images and masks as nnU-Net's raw folder, by links"
    import json
    raw = Path(os.environ['nnUNet_raw'])/'Dataset004_Hippocampus'
    for r in rows:
        name = Path(r['image']).name.removesuffix('.nii.gz')
        for k, part, end in (('image', 'imagesTr', '_0000'), ('mask', 'labelsTr', '')):
            (raw/part).mkdir(parents=True, exist_ok=True)
            (raw/part/f'{name}{end}.nii.gz').symlink_to(r[k])
    about = dict(channel_names={'0': 'MRI'}, labels=dict(background=0, anterior=1, posterior=2), numTraining=len(rows),
                 file_ending='.nii.gz')
    (raw/'dataset.json').write_text(json.dumps(about))


def _preprocess(train, valid):
    "Fingerprint, plan and preprocessed volumes of the configuration 3d_fullres; the split"
    import json
    from nnunetv2.experiment_planning.plan_and_preprocess_api import extract_fingerprints, plan_experiments, preprocess
    _raw_dataset([*train, *valid])
    extract_fingerprints([4], num_processes=common.WORKERS)
    plan_experiments([4])
    preprocess([4], configurations=['3d_fullres'], num_processes=[common.WORKERS])
    done = Path(os.environ['nnUNet_preprocessed'])/'Dataset004_Hippocampus'
    names = [[Path(r['image']).name.removesuffix('.nii.gz') for r in part] for part in (train, valid)]
    (done/'splits_final.json').write_text(json.dumps([dict(train=names[0], val=names[1])]))
    return [json.loads((done/f).read_text()) for f in ('nnUNetPlans.json', 'dataset.json')]


class _InMinutes(nnUNetTrainer):
    "nnU-Net's trainer, whose schedule ends when the time does: short epochs, as many as fit"
    watch = None
    def on_train_start(self):
        import time
        self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 4, 1
        super().on_train_start()
        self.on_train_epoch_start()
        next(self.dataloader_train)
        start = time.perf_counter()
        self.train_step(next(self.dataloader_train)) # says how long a step takes
        step = time.perf_counter() - start
        self.num_epochs = self.watch.epochs((self.num_iterations_per_epoch + .5)*step)
        self.optimizer, self.lr_scheduler = self.configure_optimizers()


def dice():
    """nnU-Net's 3d_fullres with a schedule that ends within $BENCHMARK_MINUTES; its preprocessing and its prediction
    (with mirroring) are outside the time and told apart"""
    import torch
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
    from . import _dice
    train, valid = _dice.cases()
    watch = _dice.Watch()
    plans, about = _preprocess(train, valid)
    prepared, _InMinutes.watch = watch.minutes, _dice.Watch()
    torch.set_num_threads(os.cpu_count())
    trainer = _InMinutes(plans, '3d_fullres', 0, about, torch.device('cpu'))
    trainer.run_training()
    trained = _InMinutes.watch.minutes
    trainer.set_deep_supervision_enabled(False)
    predictor = nnUNetPredictor(device=torch.device('cpu'), perform_everything_on_device=False, allow_tqdm=False)
    predictor.manual_initialization(trainer.network, trainer.plans_manager, trainer.configuration_manager, None, about,
                                    'nnUNetTrainer', trainer.inference_allowed_mirroring_axes)
    names = [str(_dice.folder()/Path(r['image']).name.removesuffix('.nii.gz')) for r in valid]
    start = watch.minutes
    predictor.predict_from_files([[r['image']] for r in valid], names, num_processes_preprocessing=1,
                                 num_processes_segmentation_export=1)
    return dict(train_minutes=trained, prepare_minutes=prepared, predict_minutes=watch.minutes - start,
                epochs=trainer.num_epochs, iterations=trainer.num_epochs*trainer.num_iterations_per_epoch)
