"""Sliding windows against MONAI's `sliding_window_inference`, and labels restored to another grid against interpolating
every class.

    python benchmarks/bench_sliding_window.py [windows | agreement | restore] [--repeats 5]

`windows`: a volume of 256x256x128, patch 96x96x64, Gaussian weights, 2 classes; with a network that costs next to
nothing, so that the windowing itself is seen, and with a small 3D U-Net. Times are medians of alternating repeats in
one process; peak memory is that of a fresh process for each.
`agreement`: how many labels the library's own choice of windows changes. A U-Net learns five classes of brain on a few
T1 volumes of $FASTMONAI_TEST_DATA/IXI-age, resampled to 256x256x128, for `--steps` steps; then it labels a volume that
it has not seen, with several overlaps.
`restore`: 8 classes on a grid of 1.2 mm, 213x213x107 voxels, to labels on one of 1 mm, 256x256x128.
"""
import argparse, os, statistics, subprocess, sys, time
from pathlib import Path

from fastMONAI.images.geometry import Geometry, resample, restore_labels, to_labels
from fastMONAI.images.image_io import read_image
from fastMONAI.learning.sliding_window import sliding_window
import numpy as np
import torch
import torch.nn.functional as F
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet

SHAPE, PATCH = (256, 256, 128), (96, 96, 64)


# -- Timing -----------------------------------------------------------------------------------------------------------

def alternate(tasks, repeats):
    "Median seconds of each of `tasks` (name: function), run by turns"
    seconds = {name: [] for name in tasks}
    for task in tasks.values(): task()
    for _ in range(repeats):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(s) for name, s in seconds.items()}


def table(title, seconds, reference, extra=None):
    print(f'\n{title}')
    for name, s in seconds.items():
        print(f'  {name:34} {s:8.3f} s  {s / seconds[reference]:6.2f} of {reference}{(extra or {}).get(name, "")}')


def status_kb(field): return int(next(line.split()[1] for line in open('/proc/self/status') if line.startswith(field)))


# -- Windows ----------------------------------------------------------------------------------------------------------

def two_channels(w): return torch.cat([w, -w], 1)


def unet():
    torch.manual_seed(0)
    return UNet(spatial_dims=3, in_channels=1, out_channels=2, channels=(16, 32, 64), strides=(2, 2)).eval()


@torch.no_grad()
def monai(net, x): return sliding_window_inference(x[None], PATCH, 1, net, overlap=.5, mode='gaussian')


RUNS = {
    'MONAI, overlap 0.5': monai,
    'ours, overlap 0.5': lambda net, x: sliding_window(net, x, PATCH, .5),
    "ours, overlap 'auto'": lambda net, x: sliding_window(net, x, PATCH, 'auto'),
    'ours, labels only, overlap 0.5': lambda net, x: sliding_window(net, x, PATCH, .5, finish=to_labels),
}
NETWORKS = dict(pointwise=lambda: two_channels, unet=unet)


def peak(network, run):
    "Print the MiB by which the resident set grew at most; run in a process of its own"
    net, x = NETWORKS[network](), torch.randn(1, *SHAPE)
    with torch.no_grad(): net(x[None, :, :96, :96, :64])  # what the network itself needs
    Path('/proc/self/clear_refs').write_text('5')  # the peak starts anew
    before = status_kb('VmRSS')
    RUNS[run](net, x)
    print((status_kb('VmHWM') - before) // 1024)


def windows(repeats):
    x = torch.randn(1, *SHAPE)
    for network, make in NETWORKS.items():
        net = make()
        seconds = alternate({name: lambda run=run: run(net, x) for name, run in RUNS.items()}, repeats)
        grown = {name: subprocess.run([sys.executable, __file__, 'peak', network, name], check=True,
                                      capture_output=True, text=True).stdout.split()[-1] for name in RUNS}
        table(f'{network} network, {repeats} repeats; resident memory that the call adds at its peak', seconds,
              'MONAI, overlap 0.5',
              {name: f', {mib:>5} MiB' for name, mib in grown.items()})


# -- Agreement --------------------------------------------------------------------------------------------------------

def brains():
    """(image, labels) of the T1 volumes that have labels: 0 background, 1 white matter, 2 cerebellum, 3 cortex, 4 the
    rest"""
    folder = Path(os.getenv('FASTMONAI_TEST_DATA', '../shared/data'))/'IXI-age'
    groups = np.zeros(256, np.int64)
    for label, (low, high) in {4: (2, 256), 3: (100, 208), 2: (38, 42), 1: (81, 89)}.items(): groups[low:high] = label
    for file in sorted((folder/'dlmuse').glob('*_DLMUSE.nii.gz')):
        image, src = read_image(folder/'nifti'/file.name.replace('_DLMUSE', ''))[:2]
        classes = F.one_hot(torch.from_numpy(groups[read_image(file)[0][0].astype(int)]), 5).movedim(-1, 0).float()
        dst = Geometry(SHAPE, src.affine @ np.diag([o / n for o, n in zip(src.shape, SHAPE)] + [1]))
        x = resample(torch.from_numpy(np.asarray(image, np.float32)), src, dst)
        yield (x - x.mean()) / x.std(), restore_labels(classes, src, dst, edge=True)


def train(data, steps):
    "A U-Net that has seen `steps` patches"
    from monai.losses import DiceCELoss
    torch.manual_seed(0)
    net = UNet(spatial_dims=3, in_channels=1, out_channels=5, channels=(16, 32, 64, 128), strides=(2, 2, 2),
               num_res_units=2)
    optimiser = torch.optim.AdamW(net.parameters(), 4e-3)
    schedule, loss = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3,
                                                         steps), DiceCELoss(to_onehot_y=True, softmax=True)
    for _ in range(steps):
        x, y = data[torch.randint(len(data), ())]
        at = (slice(None), *(slice(s, s + p) for s,
                             p in ((torch.randint(n - p + 1, ()), p) for n, p in zip(SHAPE, PATCH))))
        with torch.autocast('cpu', torch.bfloat16): out = net(x[at][None])
        loss(out.float(), y[at][None].long()).backward()
        optimiser.step(), schedule.step(), optimiser.zero_grad()
    return net.eval()


def agreement(steps):
    *data, (x, y) = brains()
    net, labels = train(data, steps), {}
    seconds = {}
    for overlap in (.5, 'auto', .25, 0., .75):
        start = time.perf_counter()
        labels[overlap] = sliding_window(net, x, PATCH, overlap, finish=to_labels)
        seconds[overlap] = time.perf_counter() - start
    print(f'\nlabels of 256x256x128 voxels after {steps} steps; Dice is the mean of 4 classes')
    for overlap, a in labels.items():
        same = a == labels[.5]
        dice = np.mean([2*((a == c) & (y == c)).sum() / ((a == c).sum() + (y == c).sum()) for c in range(1, 5)])
        print(f'  overlap {overlap!s:5} {seconds[overlap] / seconds[.5]:5.2f} of the time, '
              f'{100 * same.float().mean():8.3f} % of the voxels and '
              f'{100 * same[(a > 0) | (labels[.5] > 0)].float().mean():7.3f} % of the foreground as with 0.5, '
              f'Dice with the truth {dice:.4f}')


# -- Restoring --------------------------------------------------------------------------------------------------------

def interpolated(values):
    "Every class by `torch.nn.functional.interpolate`, then the label"
    return torch.cat([F.interpolate(v[None, None], SHAPE, mode='trilinear')[0] for v in values]).argmax(0).byte()


def zoomed(values):
    "Every class by `scipy.ndimage.zoom`, then the label"
    from scipy.ndimage import zoom
    return np.stack([zoom(v, [n / o for n, o in zip(SHAPE, v.shape)], order=1, grid_mode=True, mode='nearest')
                     for v in values.numpy()]).argmax(0).astype(np.uint8)


def restore(repeats):
    dst = Geometry(SHAPE, np.eye(4))
    src = dst.resample(1.2)
    values = torch.randn(8, *src.shape).softmax(0)
    seconds = alternate({
        'ours': lambda: restore_labels(values, src, dst),
        'interpolate each class, argmax': lambda: interpolated(values),
        'scipy zoom each class, argmax': lambda: zoomed(values)}, repeats)
    table(f'8 classes, {"x".join(map(str, src.shape))} to 256x256x128, {repeats} repeats', seconds,
          'interpolate each class, argmax')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('what', nargs='*', default=['windows', 'restore', 'agreement'],
                        help='windows, restore, agreement: all by default')
    parser.add_argument('--repeats', type=int, default=5, help='alternating repeats')
    parser.add_argument('--steps', type=int, default=500, help='training steps before the agreement is measured')
    args = parser.parse_args()
    if args.what[0] == 'peak': return peak(*args.what[1:])
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads')
    if 'windows' in args.what: windows(args.repeats)
    if 'restore' in args.what: restore(args.repeats)
    if 'agreement' in args.what: agreement(args.steps)


if __name__ == '__main__': main()
