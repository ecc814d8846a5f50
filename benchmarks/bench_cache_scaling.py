"""Whether memory and speed stay what they are when a data set grows: from 50 to 5,000 prepared volumes of 48x48x48.

Makes the volumes and masks in a temporary folder, prepares them in another, and iterates over one epoch of at least `--items`
items, in the main process and with two workers. Memory is anonymous memory (RssAnon), summed over the process and its workers,
at its highest during the epoch; what the system keeps of mapped files can be given back at any time and does not count. Each
size runs in a process of its own.

    python benchmarks/bench_cache_scaling.py --sizes 50 500 5000
"""
import argparse, contextlib, io, json, os, subprocess, sys, tempfile, time
from pathlib import Path

import numpy as np

SHAPE, BS = (48, 48, 48), 8


def make_files(folder: Path, n: int):
    "Write `n` volumes and masks that differ"
    import nibabel as nib
    rng = np.random.default_rng(0)
    image, mask = rng.integers(0, 1000, SHAPE, dtype=np.int16), (rng.random(SHAPE) > .9).astype(np.uint8)
    for i in range(n):
        for name, a in (('img', np.roll(image, i) + np.int16(i)), ('seg', np.roll(mask, i))): nib.save(nib.Nifti1Image(a, np.eye(4)), folder/f'{name}{i}.nii')


def anonymous_mb():
    "RssAnon of this process and its children"
    pids = [os.getpid(), *(int(p) for t in Path('/proc/self/task').iterdir() for p in (t/'children').read_text().split())]
    total = 0
    for p in pids:
        with contextlib.suppress(OSError):
            total += next((int(l.split()[1]) for l in open(f'/proc/{p}/status') if l.startswith('RssAnon')), 0)  # none of a process that has ended
    return total/1e3


def measure(folder: Path, cache: Path, n: int, workers: int, items: int):
    "Items per second and highest memory over an epoch, after one to warm up"
    import pandas as pd
    from fastMONAI.vision_all import ColReader, ImageBlock, IndexSplitter, MedDataBlock, MedImage, MedMaskBlock, ZNormalization
    df = pd.DataFrame(dict(image=[str(folder/f'img{i}.nii') for i in range(n)], mask=[str(folder/f'seg{i}.nii') for i in range(n)]))
    block = MedDataBlock((ImageBlock(cls=MedImage), MedMaskBlock), get_x=ColReader('image'), get_y=ColReader('mask'), splitter=IndexSplitter([0]),
                         item_tfms=ZNormalization(), cache=cache)
    with contextlib.redirect_stderr(io.StringIO()): dls = block.dataloaders(df, bs=BS, num_workers=workers, drop_last=False, device='cpu')
    highest, seen, repeats = 0, 0, max(1, items//n)
    for b in dls.train: pass
    start = time.perf_counter()
    for _ in range(repeats):
        for i, b in enumerate(dls.train):
            seen += len(b[0])
            if i % 5 == 1: highest = max(highest, anonymous_mb())
    print(json.dumps(dict(per_second=seen/(time.perf_counter() - start), rss_anon_mb=highest)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--sizes', type=int, nargs='+', default=[50, 500, 5000], help='numbers of volumes')
    parser.add_argument('--items', type=int, default=2000, help='items to iterate over, at least')
    parser.add_argument('--one', nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one: return measure(Path(args.one[0]), Path(args.one[1]), int(args.one[2]), int(args.one[3]), args.items)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        make_files(Path(folder), max(args.sizes))
        first = {}
        print(f"{'workers':>8} {'volumes':>8} {'per second':>11} {'RssAnon MB':>11} {'speed':>7} {'memory':>7}   (ratios to the smallest)")
        for workers in (0, 2):
            for n in sorted(args.sizes):
                out = subprocess.run([sys.executable, __file__, '--items', str(args.items), '--one', folder, cache, str(n), str(workers)], capture_output=True, text=True)
                if out.returncode: raise SystemExit(out.stderr)
                r = json.loads(out.stdout.splitlines()[-1])
                f = first.setdefault(workers, r)
                print(f"{workers:8} {n:8} {r['per_second']:11.0f} {r['rss_anon_mb']:11.0f} {r['per_second']/f['per_second']:7.2f} {r['rss_anon_mb']/f['rss_anon_mb']:7.2f}", flush=True)


if __name__ == '__main__': main()
