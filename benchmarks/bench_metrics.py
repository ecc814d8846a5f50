"""What a value of the 95th percentile of the Hausdorff distance costs a validation: after every batch in the main
process, or by `SurfaceMetric`.

Makes `--images` masks of `--size`³ voxels with three labels, and logits that miss them by a little, then times by turns
what one epoch spends in the metric, from the first batch to the value, where a value is due. Prints medians and ratios;
an epoch that is not due, and one whose processes have to be started, are given apart. Processes also use the time in
which the model predicts, which this does not count.

    python benchmarks/bench_metrics.py [--images 16] [--size 96] [--workers 2] [--repeats 5]
"""
import argparse, os, statistics, time
from types import SimpleNamespace

from fastMONAI.learning.vision_metrics import SurfaceMetric, multi_hausdorff_distance95
import torch
from fastai.learner import AvgMetric


def batches(n: int, size: int):
    """`n` batches of one image: nested balls with rough surfaces as labels 0 to 3, and logits of balls a voxel or two
    away"""
    g = torch.Generator().manual_seed(0)
    axes = torch.meshgrid(*[torch.arange(size) - size / 2] * 3, indexing='ij')
    made = []
    for _ in range(n):
        shifts = torch.randint(-2, 3, (2, 3), generator=g)
        far = [sum((a - s) ** 2 for a, s in zip(axes, shift)).sqrt() + torch.rand([size] * 3, generator=g)
               for shift in shifts]
        pred, targ = [sum((d < size * r).long() for r in (.4, .3, .15))[None, None] for d in far]
        made.append((torch.cat([pred == i for i in range(4)], 1).float(), targ))
    return made


def epoch_seconds(metric, data, epoch=4):
    "Seconds in `metric` in an epoch, and its value"
    start = time.perf_counter()
    metric.reset()
    for pred, targ in data:
        metric.accumulate(SimpleNamespace(pred=pred, yb=(targ,), epoch=epoch, n_epoch=100, create_mbar=True,
                                          to_detach=torch.Tensor.detach))
    value = float(metric.value)
    return time.perf_counter() - start, value


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--images', type=int, default=16)
    parser.add_argument('--size', type=int, default=96, help='voxels along an edge')
    parser.add_argument('--workers', type=int, default=os.cpu_count(), help='processes of SurfaceMetric')
    parser.add_argument('--repeats', type=int, default=5, help='alternating repeats')
    args = parser.parse_args()
    data = batches(args.images, args.size)
    here, there = AvgMetric(multi_hausdorff_distance95), SurfaceMetric(every=5, n_workers=args.workers)
    first, value = epoch_seconds(there, data)
    assert abs(epoch_seconds(here, data)[1] - value) < 1e-4
    times = [(epoch_seconds(here, data)[0], epoch_seconds(there, data)[0], epoch_seconds(there, data, epoch=5)[0])
             for _ in range(args.repeats)]
    main_s, due, idle = (statistics.median(t) for t in zip(*times))
    print(f'{args.images} images of {args.size}³ voxels, 3 classes, {args.workers} processes on {os.cpu_count()} '
          f'cores; medians of {args.repeats}')
    print(f'every batch, main process        {main_s:8.2f} s per epoch')
    print(f'SurfaceMetric, a value due       {due:8.2f} s   ratio {statistics.median(a / b for a, b, _ in times):6.2f}')
    print(f'SurfaceMetric, none due          {1000 * idle:8.2f} ms')
    print(f'SurfaceMetric, every 5 epochs    {(due + 4 * idle) / 5:8.2f} s   ratio '
          f'{statistics.median(5 * a / (b + 4 * c) for a, b, c in times):6.2f}')
    print(f'first value, processes started   {first:8.2f} s')


if __name__ == '__main__': main()
