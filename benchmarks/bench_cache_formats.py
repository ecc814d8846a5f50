"""Which file format serves prepared images fastest: the cache's own, .npy, Zarr 3 or Blosc2.

Writes `--n` volumes of 128x128x96 float32 with a uint8 mask in each format to a temporary folder and reads them back,
whole and in patches of 64x64x64, in alternating repeats on one thread. Prints milliseconds for an image with its mask,
medians, and the ratio to the cache's, and keeps them in RESULTS.md. Zarr and Blosc2 are not among the library's
requirements: `pip install zarr blosc2`.

    python benchmarks/bench_cache_formats.py --n 24 --repeats 5
"""
import argparse, datetime, statistics, tempfile, time
from importlib.metadata import version
from pathlib import Path

import numpy as np

import run
from fastMONAI.data.cache import Entry, write_entry

SHAPE, PATCH = (1, 128, 128, 96), 64


def make_pair():
    "A smooth image with a little noise, black around it, and a mask of its bright part"
    rng = np.random.default_rng(0)
    waves = sum(np.sin(np.arange(n) / 15).reshape([-1 if i == a else 1 for i in range(4)]) for a,
                n in list(enumerate(SHAPE))[1:])
    image = np.where(waves < -.5, 0, waves + .05*rng.normal(size=SHAPE)).astype(np.float32)
    return image, (waves > 1).astype(np.uint8)


def box(rng): return (slice(None), *(slice(o, o + PATCH) for o in rng.integers(0, [n - PATCH + 1 for n in SHAPE[1:]])))


class Cache:
    "safetensors, mapped into memory"
    def write(self, path, pair):
        meta = dict(version=1, parts=[dict(kind=k, affine=None) for k in ('image', 'mask')])
        write_entry(f'{path}.safetensors', dict(zip('01', pair)), meta)
    def open(self, path): return Entry(Path(f'{path}.safetensors')).open().parts


class Npy:
    ".npy, mapped into memory"
    def write(self, path, pair):
        for name, a in zip('xm', pair): np.save(f'{path}{name}.npy', a)
    def open(self, path): return [np.load(f'{path}{name}.npy', mmap_mode='r') for name in 'xm']


class Zarr:
    "Zarr 3, chunks of 64x64x64"
    compressed = False
    def write(self, path, pair):
        import zarr
        codec = zarr.codecs.BloscCodec(cname='lz4', clevel=3) if self.compressed else None
        for name, a in zip('xm', pair):
            zarr.create_array(f'{path}{name}.zarr', shape=a.shape, dtype=a.dtype, chunks=(1, 64, 64, 64),
                              compressors=codec)[:] = a
    def open(self, path):
        import zarr
        return [zarr.open_array(f'{path}{name}.zarr', mode='r') for name in 'xm']


class ZarrCompressed(Zarr):
    "Zarr 3, chunks of 64x64x64, LZ4"
    compressed = True


class Blosc2:
    "Blosc2, LZ4, blocks of 32x32x32"
    def write(self, path, pair):
        import blosc2
        for name, a in zip('xm', pair):
            blosc2.asarray(a, urlpath=f'{path}{name}.b2nd', mode='w', chunks=a.shape, blocks=(1, 32, 32, 32),
                           cparams=dict(codec=blosc2.Codec.LZ4, clevel=3, nthreads=1))
    def open(self, path):
        import blosc2
        return [blosc2.open(f'{path}{name}.b2nd', mode='r', mmap_mode='r', dparams=dict(nthreads=1)) for name in 'xm']


def milliseconds(task, n):
    start = time.perf_counter()
    for i in range(n): task(i)
    return 1000*(time.perf_counter() - start)/n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--n', type=int, default=24, help='number of volumes')
    parser.add_argument('--repeats', type=int, default=5, help='alternating repeats')
    args = parser.parse_args()
    formats = dict(cache=Cache(), npy=Npy(), zarr=Zarr(), zarr_lz4=ZarrCompressed(), blosc2_lz4=Blosc2())
    pair, times, rng = make_pair(), {}, np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as folder:
        for name, f in formats.items():
            (Path(folder)/name).mkdir()
            wrote = milliseconds(lambda i: f.write(Path(folder)/name/str(i), pair), args.n)
            size = sum(p.stat().st_size for p in (Path(folder)/name).rglob('*') if p.is_file())/args.n/1e6
            times[name] = dict(write=[wrote], MB=[size], whole=[], patch=[])
        for _ in range(args.repeats):
            for name, f in formats.items():
                path = lambda i: Path(folder)/name/str(i % args.n)
                times[name]['whole'].append(milliseconds(lambda i: [np.array(a[:]) for a in f.open(path(i))], args.n))
                times[name]['patch'].append(milliseconds(lambda i: [np.array(a[b]) for b in [box(rng)]
                                                                    for a in f.open(path(i))], 2*args.n))
    of = {name: {k: statistics.median(v) for k, v in t.items()} for name, t in times.items()}
    head = ['', 'write, ms', 'whole, ms', 'patch, ms', 'MB', 'whole / the cache', 'patch / the cache']
    rows = [[type(f).__doc__, *(f'{of[name][k]:.3g}' for k in ('write', 'whole', 'patch', 'MB')),
             *(f'{of[name][k]/of["cache"][k]:.2g}' for k in ('whole', 'patch'))] for name, f in formats.items()]
    text = '\n'.join('| ' + ' | '.join(r) + ' |' for r in [head, ['---']*len(head), *rows])
    print(text)
    run.keep('Formats of prepared images', 'An image of 128x128x96 float32 with a uint8 mask, read whole or in '
                                           'a patch of 64x64x64, on one '
                                           f'thread.\n\n{text}\n\n{datetime.date.today()}, '
             f'medians of {args.repeats}; zarr {version("zarr")}, blosc2 {version("blosc2")}; {run.machine()}.')


if __name__ == '__main__': main()
