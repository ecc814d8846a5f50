"""How much faster a data set's summary is than reading its volumes.

Makes `--n` compressed NIfTI volumes of 128x128x96 int16 in a temporary folder, then times, in alternation and in one
process,
`MedDataset(folder).summary()` and reading every volume with `read_image` (one thread each). Prints the ratio of the
medians.

    python benchmarks/bench_headers.py --n 64 --repeats 5
"""
import argparse, contextlib, io, statistics, tempfile, time
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from fastMONAI.data.dataset_info import MedDataset
from fastMONAI.images.image_io import image_files, read_image, write_image

SHAPE = 128, 128, 96


def make_volumes(folder: Path, n: int):
    "Write `n` volumes that compress like a scan: a smooth head on a dark, slightly noisy background"
    rng = np.random.default_rng(0)
    inside = sum(((np.arange(s) - s / 2) / (.45 * s)).reshape([-1 if i == a else 1 for i in range(3)]) ** 2 for a,
                 s in enumerate(SHAPE)) < 1
    for i in range(n):
        head = inside * (600 + 4000 * gaussian_filter(rng.normal(size=SHAPE).astype(np.float32), 4))
        noise = rng.normal(scale=np.where(inside, 20, 3))
        write_image(folder/f'{i:03}.nii.gz', (head + noise)[None].round(), np.diag([1., 1., 1.5, 1.]), dtype=np.int16)


def summarise(folder: Path):
    with contextlib.redirect_stdout(io.StringIO()):
        assert MedDataset(folder).summary().total.sum() == len(image_files(folder))


def read_volumes(folder: Path):
    for f in image_files(folder): read_image(f)


def seconds(task, folder: Path) -> float:
    start = time.perf_counter()
    task(folder)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=64, help='number of volumes')
    parser.add_argument('--repeats', type=int, default=5, help='alternating repeats')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        make_volumes(folder, args.n)
        size = sum(f.stat().st_size for f in image_files(folder)) / args.n / 2**20
        summarise(folder)  # imports and file cache, outside the clock
        times = [(seconds(read_volumes, folder), seconds(summarise, folder)) for _ in range(args.repeats)]
    volumes, headers = (statistics.median(t) for t in zip(*times))
    print(f'{args.n} volumes of {"x".join(map(str, SHAPE))} int16, .nii.gz of {size:.1f} MiB each; medians of '
          f'{args.repeats}')
    print(f'read every volume  {1000 * volumes / args.n:8.2f} ms per file')
    print(f'summary (headers)  {1000 * headers / args.n:8.2f} ms per file')
    print(f'ratio              {volumes / headers:8.0f}')


if __name__ == '__main__': main()
