"""Made-up volumes for the benchmarks, the same on every machine: written once, with nothing but numpy, scipy and
nibabel, so that any environment can make them."""
import os
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter, zoom

SHAPE, SPACING = (128, 128, 96), (1., 1., 1.5)
HOME = Path(os.getenv('FASTMONAI_BENCHMARKS') or Path(__file__).resolve().parent.parent/'.peers')


def write_nifti(path, x, spacing, codes='RAS'):
    "Write the voxels `x` with axes that point to `codes`"
    affine = np.diag([*spacing, 1.])
    for i, code in enumerate(codes):
        if code in 'LPI': affine[i,i] *= -1
    nib.save(nib.Nifti1Image(x, affine), path)


def smooth_noise(rng, shape, voxels=8):
    "Standard normal noise that is smooth over about `voxels`"
    x = gaussian_filter(rng.normal(size=[s//2 for s in shape]).astype(np.float32), voxels/4)
    x = zoom(x, np.divide(shape, x.shape), order=1)
    return (x - x.mean()) / x.std()


def head_and_labels(rng, shape):
    """int16 intensities that compress like a scan (a smooth head on a dark, slightly noisy background), and uint8
    labels 0, 1, 2 that show in them"""
    inside = sum(((np.arange(s) - s/2) / (.45*s)).reshape([-1 if i == a else 1 for i in range(3)])**2 for a,
                 s in enumerate(shape)) < 1
    field = smooth_noise(rng, shape, 12)
    labels = np.where(inside & (field > 1.3), np.where(field > 1.9, 2, 1), 0).astype(np.uint8)
    x = inside * (600 + 100*smooth_noise(rng, shape)) + 350.*labels + rng.normal(scale=np.where(inside, 20, 3))
    return x.round().astype(np.int16), labels


def make_volumes(folder, n, shape=SHAPE, spacing=SPACING, codes='LPS', masks=False, ending='.nii.gz'):
    "Write `n` volumes, and beside them a folder of masks if asked"
    folder, rng = Path(folder), np.random.default_rng(0)
    masks_at = folder.with_name(folder.name + '_masks')
    for f in (folder, *[masks_at]*masks): f.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        x, labels = head_and_labels(rng, shape)
        write_nifti(folder/f'{i:05}{ending}', x, spacing, codes)
        if masks: write_nifti(masks_at/f'{i:05}{ending}', labels, spacing, codes)


def once(name, make):
    "The folder `name` of the benchmarks' data, made by `make(folder)` if it is not there"
    done = HOME/'data'/name/'done'
    if not done.exists():
        done.parent.mkdir(parents=True, exist_ok=True)
        make(done.parent)
        done.touch()
    return done.parent


def table(folder, n=None):
    "Rows of image, mask and is_valid (the last 4) for the volumes in `folder`"
    images = sorted((folder/'images').iterdir())[:n]
    return [dict(image=str(f), mask=str(folder/'images_masks'/f.name),
                 is_valid=i >= len(images) - 4) for i, f in enumerate(images)]


def training_volumes():
    "Rows for 64 volumes of 128x128x96 and their masks, or fewer for a quick look ($BENCHMARK_VOLUMES)"
    return table(once('volumes', lambda f: make_volumes(f/'images', 64, masks=True)),
                 int(os.getenv('BENCHMARK_VOLUMES', 64)))


def small_volumes(n):
    "Rows for the first `n` of 5000 volumes of 48x48x48 and their masks; no two are equal"
    return table(once('small-5000', lambda f: make_volumes(f/'images', 5000, (48,)*3, (1.,)*3, 'RAS', masks=True,
                                                           ending='.nii')), n)


def large_volumes():
    "Paths of three volumes of 256x256x128: the first to predict, the others to learn from"
    f = once('large', lambda f: make_volumes(f/'images', 3, (256,256,128), (1.,)*3, 'RAS', masks=True, ending='.nii'))
    return sorted((f/'images').iterdir())


def hippocampus():
    """Rows of image, mask and is_valid (40 of 200, the same ones every time) of the Decathlon's task 4 in
    $FASTMONAI_TEST_DATA"""
    root = Path(os.getenv('FASTMONAI_TEST_DATA', '.')).absolute()/'Task04_Hippocampus'
    images = sorted(root.glob('imagesTr/*.nii.gz'))
    if not images:
        raise SystemExit(f'no {root.name}/imagesTr in $FASTMONAI_TEST_DATA: download the data set first '
                         '(fastMONAI.data.external_data.download_decathlon)')
    valid = set(np.random.default_rng(42).permutation(len(images))[:len(images)//5])
    return [dict(image=str(f), mask=str(root/'labelsTr'/f.name), is_valid=i in valid) for i, f in enumerate(images)]


def mask_of(path):
    "The file of the mask that belongs to an image"
    return str(path).replace('images', 'images_masks')


def warm(rows):
    "Read every file once, so that the disk is out of the comparison"
    for r in rows:
        for f in (r['image'], r['mask']): Path(f).read_bytes()
