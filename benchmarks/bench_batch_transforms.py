"""What random transforms cost on a CPU: batch transforms against the item transforms of TorchIO, for the same
parameters.

Makes a batch of `--batch` volumes of 128x128x96 float32 with uint8 masks. For each row both sides get the same drawn
parameters and run by turns in this process, with `--threads` threads each. Prints the medians per volume, image and
mask together, and the ratio. The row
`SimpleITK` is the affine resampling alone, without TorchIO around it.

    python benchmarks/bench_batch_transforms.py [--batch 2] [--repeats 7] [--threads 1]
"""
import argparse, statistics, time, warnings

from fastMONAI.data.batch_augmentation import *
from fastMONAI.data.vision_augmentation import *
from fastMONAI.images.vision_core import MedImage, MedMask

import numpy as np
import torch

SHAPE = 128, 128, 96
PAIRS = {  # item transforms, one after the other, and the batch transform
    'affine, flip': ({'affine': RandomAffine(scales=.1, degrees=10), 'flip': RandomFlip()},
                     BatchSpatial(BatchAffine(), flip=BatchFlip())),
    'flip': ({'flip': RandomFlip(flip_probability=1)}, BatchSpatial(flip=BatchFlip())),
    'affine, elastic, flip': ({'flip': RandomFlip(), 'affine': RandomAffine(scales=.1, degrees=10),
                               'elastic': RandomElasticDeformation()},
                              BatchSpatial(BatchAffine(), BatchElastic(), BatchFlip())),
    'gamma': (RandomGamma(), BatchGamma()), 'noise': (RandomNoise(), BatchNoise()), 'blur': (RandomBlur(), BatchBlur()),
    'thick slices': (RandomAnisotropy(), BatchAnisotropy()), 'ghosting': (RandomGhosting(), BatchGhosting()),
    'bias field': (RandomBiasField(), BatchBiasField()), 'cutout': (RandomCutout(), BatchCutout()),
}


def make_batch(n: int):
    "Smooth noise with a mask of its bright parts, in voxels of 1x1x1.5 mm"
    torch.manual_seed(0)
    x = torch.nn.functional.avg_pool3d(torch.randn(n, 1, *(s + 4 for s in SHAPE)), 5, 1)
    affine = np.stack([np.diag([1, 1, 1.5, 1])] * n)
    return MedImage(x, affine=affine), MedMask((x > x.std()).byte(), affine=affine)


def item_side(tfms: dict, draws: list, items: list):
    for item, drawn in zip(items, draws):
        for k, t in tfms.items(): item = t.apply(item, drawn[k])


def sitk_side(draws: list, items: list):
    "The affine map on image (linear) and mask (nearest) by SimpleITK, arrays in and out"
    import SimpleITK as sitk, torchio as tio
    for item, drawn in zip(items, draws):
        transform = tio.Affine(**drawn['affine']).get_affine_transform(tio.ScalarImage(tensor=torch.zeros(1, *SHAPE)))
        for x, how in zip(item, (sitk.sitkLinear, sitk.sitkNearestNeighbor)):
            image = sitk.GetImageFromArray(x[0].numpy())
            torch.from_numpy(sitk.GetArrayFromImage(sitk.Resample(image, image, transform, how, 0.,
                                                                  image.GetPixelID())))


def milliseconds(task, *args) -> float:
    start = time.perf_counter()
    task(*args)
    return 1000 * (time.perf_counter() - start)


def compare(name: str, theirs, ours, repeats: int, n: int):
    theirs(), ours()  # imports and memory, outside the clock
    times = [(milliseconds(theirs), milliseconds(ours)) for _ in range(repeats)]
    a, b = (statistics.median(t) / n for t in zip(*times))
    print(f'{name:24}{a:10.1f}{b:10.1f}{statistics.median(x / y for x, y in times):8.1f}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--batch', type=int, default=2, help='volumes in the batch')
    parser.add_argument('--repeats', type=int, default=7, help='alternating repeats')
    parser.add_argument('--threads', type=int, default=1, help='threads of torch and of ITK')
    args = parser.parse_args()
    import SimpleITK as sitk
    warnings.simplefilter('ignore')
    torch.set_num_threads(args.threads)
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(args.threads)
    batch = make_batch(args.batch)
    items = list(zip(*batch))
    print(f'{args.batch} volumes of {"x".join(map(str, SHAPE))} with masks, {args.threads} thread(s); ms per '
          f'volume, medians of {args.repeats}')
    print(f'{"":24}{"items":>10}{"batch":>10}{"ratio":>8}')
    for name, (tfms, t) in PAIRS.items():
        spatial = isinstance(tfms, dict)
        parts = tfms if spatial else {'it': tfms}
        draws = [{k: part.draw(item) for k, part in parts.items()} for item in items]
        params = t.from_items(batch, draws if spatial else [d['it'] for d in draws])
        compare(name, lambda: item_side(parts, draws, items), lambda: t.apply(batch, params), args.repeats, args.batch)
        if name == 'affine, flip':
            compare('  SimpleITK', lambda: sitk_side(draws, items), lambda: t.apply(batch, params), args.repeats,
                    args.batch)


if __name__ == '__main__': main()
