"""What the distances between two surfaces cost: ours, MONAI's and distance transforms; and `SurfaceMetric` in an epoch.

For each pair of masks the Hausdorff distance, its 95th percentile, the average surface distance and the surface Dice at
0.5, 1 and 2 mm are found three ways, by turns: `calculate_surface_metrics`; MONAI's six calls; and the same surfaces
as ours with `scipy.ndimage.distance_transform_edt` of each. The pairs: rough balls in 256x256x128 voxels of
0.8x0.8x1.5 mm, as large as an organ, small, and far apart; the noise of an untrained network in 96x96x96; and each
structure of real hippocampi beside the next subject's, where `--data` has Task04_Hippocampus. Prints medians and, from
each turn, ratios. Then what one epoch spends in `SurfaceMetric` for `--images` masks of 96x96x96 with three labels.

    python benchmarks/bench_metrics.py [--data ../shared/data] [--repeats 3] [--images 16]
"""
import argparse, statistics, time, warnings
from pathlib import Path
from types import SimpleNamespace

from fastMONAI.images.vision_core import MedMask
from fastMONAI.learning.vision_metrics import SurfaceMetric, calculate_surface_metrics
import numpy as np
import torch
from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance, compute_surface_dice
from scipy import ndimage

TOLERANCES = .5, 1., 2.


def ours(p, t, spacing): return list(calculate_surface_metrics(p, t, spacing, TOLERANCES).values())


def monais(p, t, spacing):
    "The six calls"
    p, t = [torch.from_numpy(o)[None, None] for o in (p, t)]
    how = dict(include_background=True, spacing=list(spacing))
    found = [compute_hausdorff_distance(p, t, **how), compute_hausdorff_distance(p, t, percentile=95, **how),
             compute_average_surface_distance(p, t, symmetric=True, **how),
             *[compute_surface_dice(p, t, class_thresholds=[o + 1e-6], **how) for o in TOLERANCES]]
    return [o.item() for o in found]


def transforms(p, t, spacing):
    "Distance transforms of the two surfaces, in the box that holds both"
    box = ndimage.find_objects((p | t).view(np.uint8))[0]
    p, t = (o[box] & ~ndimage.binary_erosion(o[box]) for o in (p, t))
    apart = [ndimage.distance_transform_edt(~b, spacing)[a] for a, b in ((p, t), (t, p))]
    both = np.concatenate(apart)
    return [both.max(), max(np.percentile(o, 95) for o in apart), both.mean(),
            *[(both <= o + 1e-6).mean() for o in TOLERANCES]]


def ball(shape, radius, centre, seed):
    "A ball with a rough surface"
    far = np.sqrt(sum((x - c)**2 for x, c in zip(np.indices(shape, dtype=np.float32), centre)))
    noise = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
    return far + 15*ndimage.gaussian_filter(noise, 2) < radius


def made():
    "{name: (list of pairs, spacing)}"
    shape, spacing, rng = (256, 256, 128), (.8, .8, 1.5), np.random.default_rng(0)
    pairs = dict(organ=((50, (128, 128, 64)), (50, (130, 127, 65))), small=((8, (128, 128, 64)), (8, (130, 127, 65))),
                 far=((30, (60, 60, 60)), (30, (180, 180, 65))))
    res = {f'256x256x128, {n}': ([[ball(shape, *o, i) for i, o in enumerate(two)]], spacing)
           for n, two in pairs.items()}
    return res | {'96x96x96, noise': ([rng.random((2, 96, 96, 96)) < .5], spacing)}


def hippocampi(data, n=20):
    "Pairs of neighbouring subjects, a structure each"
    files = sorted((Path(data)/'Task04_Hippocampus/labelsTr').glob('*.nii.gz'))[:n + 1]
    masks = [MedMask.create(f).numpy()[0] for f in files]
    masks = [np.pad(m, [(0, 64 - n) for n in m.shape]) for m in masks]
    pairs = [(a == k, b == k) for a, b in zip(masks, masks[1:]) for k in (1, 2)]
    return {f'{len(pairs)} pairs of hippocampi': (pairs, (1., 1., 1.))} if pairs else {}


def seconds(f, pairs, spacing):
    start = time.perf_counter()
    found = [f(*o, spacing) for o in pairs]
    return time.perf_counter() - start, found


def compare(name, pairs, spacing, repeats):
    turns = []
    for _ in range(repeats):
        turn = {f.__name__: seconds(f, pairs, spacing) for f in (ours, monais, transforms)}
        for other in ('monais', 'transforms'): np.testing.assert_allclose(turn[other][1], turn['ours'][1], atol=1e-4)
        turns.append({k: s for k, (s, _) in turn.items()})
    s = {k: statistics.median(t[k] for t in turns) for k in turns[0]}
    ratio = {k: statistics.median(t[k]/t['ours'] for t in turns) for k in s}
    print(f'{name:28} {s["ours"]:8.3f} {s["monais"]:9.3f} {s["transforms"]:9.3f} {ratio["monais"]:10.1f} '
          f'{ratio["transforms"]:12.1f}', flush=True)


def batches(n, size=96):
    "`n` batches of one image: nested balls as labels 0 to 3, and logits of balls a voxel or two away"
    g = torch.Generator().manual_seed(0)
    axes = torch.meshgrid(*[torch.arange(size) - size/2]*3, indexing='ij')
    for _ in range(n):
        far = [sum((a - s)**2 for a, s in zip(axes, shift)).sqrt() + torch.rand([size]*3, generator=g)
               for shift in torch.randint(-2, 3, (2, 3), generator=g)]
        pred, targ = [sum((d < size*r).long() for r in (.4, .3, .15))[None, None] for d in far]
        yield torch.cat([pred == i for i in range(4)], 1).float(), targ


def epoch_seconds(metric, data, epoch=4):
    "Seconds that an epoch spends in `metric`"
    start = time.perf_counter()
    metric.reset()
    for pred, targ in data:
        metric.accumulate(SimpleNamespace(pred=pred, yb=(targ,), epoch=epoch, n_epoch=100, create_mbar=True))
    float(metric.value)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', default='../shared/data', help='folder with Task04_Hippocampus')
    parser.add_argument('--repeats', type=int, default=3, help='turns')
    parser.add_argument('--images', type=int, default=16, help='of the epoch')
    args = parser.parse_args()
    warnings.filterwarnings('ignore', '.*always_return_as_numpy', FutureWarning)
    print(f'{"seconds":28} {"ours":>8} {"MONAI":>9} {"transforms":>9} {"MONAI/ours":>9} {"transf./ours":>12}')
    for name, (pairs, spacing) in (made() | hippocampi(args.data)).items(): compare(name, pairs, spacing, args.repeats)
    data, metric = list(batches(args.images)), SurfaceMetric(every=5)
    due, idle = [statistics.median(epoch_seconds(metric, data, e) for _ in range(args.repeats)) for e in (4, 5)]
    print(f'SurfaceMetric, {args.images} images of 96x96x96 with 3 classes: {due:.2f} s where a value is due, '
          f'{1000*idle:.2f} ms where none is')


if __name__ == '__main__': main()
