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


def _segresnet_loaders(train, valid):
    "Whole volumes, as the tutorials of brain tumours and of the spleen prepare theirs"
    from monai.transforms import RandFlipd, RandScaleIntensityd, RandShiftIntensityd
    same = [LoadImaged(KEYS), EnsureChannelFirstd(KEYS), Orientationd(KEYS, 'RAS', labels=None),
            Spacingd(KEYS, (1., 1., 1.), mode=MODES), NormalizeIntensityd('image', nonzero=True)]
    fit = [ResizeWithPadOrCropd(KEYS, common.HIPPOCAMPUS_SIZE)]
    random = [*(RandFlipd(KEYS, .5, spatial_axis=a) for a in range(3)), RandScaleIntensityd('image', .1, prob=1.),
              RandShiftIntensityd('image', .1, prob=1.)]
    rows = [[{k: r[k] for k in KEYS} for r in part] for part in (train, valid)]
    sets = [CacheDataset(rows[0], Compose(same + fit + random), num_workers=common.WORKERS, progress=False),
            CacheDataset(rows[1], Compose(same), num_workers=common.WORKERS, progress=False)]
    return DataLoader(sets[0], batch_size=2, shuffle=True), DataLoader(sets[1], batch_size=1)


def _write_like(row, data, logits):
    "Labels of logits (1, C, …), turned back to the axes of the file of `row`"
    from monai.data import MetaTensor, decollate_batch
    from monai.transforms import Invertd
    from . import _dice
    part = decollate_batch(data)[0]
    image = part['image']
    part['pred'] = MetaTensor(logits.argmax(1), meta=image.meta, applied_operations=image.applied_operations)
    undo = Compose([LoadImaged('image'), EnsureChannelFirstd('image'), Orientationd('image', 'RAS', labels=None),
                    Spacingd('image', (1., 1., 1.)), NormalizeIntensityd('image', nonzero=True)])
    back = Invertd('pred', undo, orig_keys='image', nearest_interp=True)(part)
    _dice.write(row, back['pred'][0])


def dice():
    "SegResNet with Adam, a cosine and Dice loss, as MONAI's tutorials train it, within $BENCHMARK_MINUTES"
    import time
    from monai.inferers import sliding_window_inference
    from monai.losses import DiceLoss
    from monai.networks.nets import SegResNet
    from . import _dice
    train, valid = _dice.cases()
    watch = _dice.Watch()
    torch.manual_seed(0)
    net = SegResNet(init_filters=16, out_channels=3, dropout_prob=.2, blocks_down=(1, 2, 2, 4), blocks_up=(1, 1, 1))
    loaders = _segresnet_loaders(train, valid)
    loss_func, opt = DiceLoss(softmax=True, to_onehot_y=True, squared_pred=True, smooth_nr=0, smooth_dr=1e-5), \
        torch.optim.Adam(net.parameters(), 1e-4, weight_decay=1e-5)
    done, epochs, schedule = 0, 1, None
    while done < epochs:
        net.train()
        start = time.perf_counter()
        for b in loaders[0]:
            opt.zero_grad()
            loss_func(net(b['image']), b['mask']).backward()
            opt.step()
        done += 1
        if schedule is None: # the first epoch says how many there are
            epochs = 1 + watch.epochs(time.perf_counter() - start)
            schedule = torch.optim.lr_scheduler.CosineAnnealingLR(opt, epochs)
        schedule.step()
    trained = watch.minutes
    net.eval()
    with torch.no_grad():
        for r, b in zip(valid, loaders[1]):
            size = [max(8, -(-n//8)*8) for n in common.HIPPOCAMPUS_SIZE]
            _write_like(r, b, sliding_window_inference(b['image'], size, 4, net, overlap=.5))
    return dict(train_minutes=trained, prepare_minutes=0., predict_minutes=watch.minutes - trained, epochs=epochs)
