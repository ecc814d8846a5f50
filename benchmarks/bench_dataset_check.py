"""What `check_dataset` finds of defects planted in a real data set, beside nnU-Net's `verify_dataset_integrity`.

Makes a raw data set of nnU-Net from hippocampi of the Decathlon, with a second channel (the first one inverted), and
for each defect a copy in which it is planted in one case. Both check every copy, and the one without a defect. A
defect is found where an error or a warning names a file of the case, or the case. The table is printed, and kept in
RESULTS.md; `--python` is one with nnunetv2 (`python benchmarks/peers.py make`).

    python benchmarks/bench_dataset_check.py ../shared/data/Task04_Hippocampus
"""
import argparse, contextlib, datetime, io, json, re, shutil, subprocess, sys, tempfile
from pathlib import Path

import numpy as np

BAD = 'case_005' # the case in which a defect is planted
SCANS, TESTS = 16, 3


# -- Planting ---------------------------------------------------------------------------------------------------------

def write_case(folder, part, name, image, mask, grid):
    "Both channels and the mask of a case"
    from fastMONAI.images.image_io import write_image
    for i,x in enumerate((image, image.max() - image)):
        write_image(folder/f'images{part}/{name}_{i:04}.nii.gz', x, grid)
    if mask is not None: write_image(folder/f'labels{part}/{name}.nii.gz', mask, grid, dtype='uint8')


def make_clean(source, folder):
    "Some of the hippocampi as a raw data set of nnU-Net"
    from fastMONAI.images.image_io import read_image, read_labels
    for i,file in enumerate(sorted((source/'imagesTr').glob('[!.]*.nii.gz'))[:SCANS + TESTS]):
        (image, grid), (mask, _) = read_image(file), read_labels(source/'labelsTr'/file.name)
        test = i >= SCANS
        write_case(folder, 'Ts' if test else 'Tr', f'case_{i:03}', image, None if test else mask, grid)
    (folder/'dataset.json').write_text(json.dumps(dict(
        channel_names={'0': 'MRI', '1': 'inverted'}, labels=dict(background=0, anterior=1, posterior=2),
        numTraining=SCANS, file_ending='.nii.gz')))


def images(change):
    "Plants the first channel as `change` makes it"
    def plant(folder, x, mask, grid):
        from fastMONAI.images.image_io import write_image
        write_image(folder/f'imagesTr/{BAD}_0000.nii.gz', change(x.copy()), grid)
    return plant


def masks(change=lambda m: m, move=lambda affine: affine):
    "Plants the mask as `change` makes it, where `move` puts it"
    def plant(folder, x, mask, grid):
        from fastMONAI.images.geometry import Geometry
        from fastMONAI.images.image_io import write_image
        y = change(mask.copy())
        write_image(folder/f'labelsTr/{BAD}.nii.gz', y, Geometry(y.shape[1:], move(grid.affine.copy())), dtype='uint8')
    return plant


def put(x, value):
    "`value` in a corner"
    x[0, :3, :3, :3] = value
    return x


def one_voxel(mask):
    "Of label 2 one voxel alone"
    at = tuple(np.argwhere(mask == 2)[0])
    mask[mask == 2] = 0
    mask[at] = 2
    return mask


def thick(folder, x, mask, grid):
    "Plants a case whose slices are said to be 8 times as thick"
    from fastMONAI.images.geometry import Geometry
    write_case(folder, 'Tr', BAD, x, mask, Geometry(x.shape[1:], grid.affine @ np.diag([1, 1, 8, 1])))


def cut_short(folder, *_):
    "Plants a file whose end is missing"
    file = folder/f'imagesTr/{BAD}_0000.nii.gz'
    file.write_bytes(file.read_bytes()[:-2000])


def without(name):
    "Removes a file"
    return lambda folder, *_: (folder/name).unlink()


def twice(name):
    "Plants both channels of another case under `name`"
    return lambda folder, *_: [shutil.copy(folder/f'imagesTr/case_002_{i:04}.nii.gz', folder/f'{name}_{i:04}.nii.gz')
                               for i in range(2)]


def planted():
    "{defect: function of (folder, image, mask, Geometry) that plants it}"
    return {
        'NaN in an image': images(lambda x: put(x, np.nan)),
        'infinite voxels in an image': images(lambda x: put(x, np.inf)),
        'an image of one value': images(lambda x: 0*x),
        'an image that is nearly all empty': images(
            lambda x: np.where(np.indices(x.shape[1:]).sum(0) < 4, x, x.min())),
        'intensities 1,000 times those of the others': images(lambda x: 1000*x),
        'a voxel 8 times as long, image and mask alike': thick,
        'a mask with fewer slices': masks(lambda m: m[..., :-3]),
        'a mask with another spacing': masks(move=lambda a: a @ np.diag([1, 1, 2, 1])),
        'a mask with another origin': masks(move=lambda a: np.array([[1, 0, 0, 20], *np.eye(4)[1:]]) @ a),
        'a mask with another direction': masks(move=lambda a: a @ np.diag([-1, 1, 1, 1])),
        'a label that is not declared': masks(lambda m: put(m, 7)), 'an empty mask': masks(lambda m: 0*m),
        'a structure of one voxel': masks(one_voxel),
        'a structure much larger than the others': masks(lambda m: np.where(m == 0, 2, m)),
        'a channel that is missing': without(f'imagesTr/{BAD}_0001.nii.gz'),
        'a mask that is missing': without(f'labelsTr/{BAD}.nii.gz'), 'a file cut short': cut_short,
        "the images of another case beside a case's own mask": twice(f'imagesTr/{BAD}'),
        'one image in training and test': twice('imagesTs/case_016')}


def plant_all(source, home):
    "A folder for the clean data set and for each defect: [(defect, folder)]"
    from fastMONAI.images.image_io import read_image, read_labels
    clean = home/'00'
    make_clean(source, clean)
    image, grid = read_image(clean/f'imagesTr/{BAD}_0000.nii.gz')
    mask, _ = read_labels(clean/f'labelsTr/{BAD}.nii.gz')
    res = [('(nothing)', clean)]
    for i,(what,plant) in enumerate(planted().items(), 1):
        shutil.copytree(clean, home/f'{i:02}')
        plant(home/f'{i:02}', image, mask, grid)
        res.append((what, home/f'{i:02}'))
    return res


# -- Checking ---------------------------------------------------------------------------------------------------------

def ours(folder):
    "What `check_dataset` says of a folder: (severity or '', its words)"
    from fastMONAI.data.dataset_check import check_dataset
    from fastMONAI.data.sources import SourceError
    try: found = check_dataset(folder, progress=False).findings
    except SourceError as e: return 'error', str(e)
    named = [f for f in found if re.search(rf'{BAD}|case_016', f'{f.case} {f.file}')]
    other = [f for f in found if f not in named]
    first = next(iter(named), None)
    return (first.severity if first else '', ', '.join(dict.fromkeys(f.kind for f in named)) + (
        f'; and {len(other)} about other cases' if other else ''))


def theirs(folder):
    "The same of `verify_dataset_integrity`, run in threads, as importing nnU-Net in new processes takes longest"
    import multiprocessing
    from multiprocessing.dummy import Pool
    from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
    real = multiprocessing.get_context
    multiprocessing.get_context = lambda method=None: (
        argparse.Namespace(Pool=Pool) if method == 'spawn' else real(method))
    said, failed = io.StringIO(), ''
    with contextlib.redirect_stdout(said):
        try: verify_dataset_integrity(str(folder), 1)
        except Exception as e: failed = f'{type(e).__name__}: {e}'
    words = ' '.join(f'{said.getvalue()} {failed}'.split())
    if failed: return 'error', words
    return ('warning' if 'Warning' in words or 'WARNING' in words else ''), words


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='Task04_Hippocampus')
    parser.add_argument('--python', help='interpreter with nnunetv2; by default that of peers.py')
    parser.add_argument('--theirs', action='store_true', help=argparse.SUPPRESS) # `source` holds the folders
    args = parser.parse_args()
    if args.theirs:
        return print(json.dumps([theirs(f) for f in sorted(args.source.iterdir())]))
    import peers, run
    python = args.python or peers.interpreter('nnunet') or sys.exit('no nnunetv2: python benchmarks/peers.py make')
    with tempfile.TemporaryDirectory() as home:
        folders = plant_all(args.source, Path(home))
        done = subprocess.run([python, __file__, '--theirs', home], capture_output=True, text=True, check=True)
        said = json.loads(done.stdout.splitlines()[-1])
        rows = [[what, *ours(folder), other] for (what,folder),(other,_) in zip(folders, said)]
    for (what,*_),(_,words) in zip(rows, said): print(f'{what}: {words[:300]}', file=sys.stderr)
    table = [[what, f'{a}: {words}' if len(words) < 60 and a else a or 'nothing', b or 'nothing']
             for what,a,words,b in rows]
    n = [sum(bool(r[i]) for r in rows[1:]) for i in (1, 3)]
    text = (f'Defects planted, each alone, in one of {SCANS} hippocampi with two channels, and {TESTS} test images, in '
            f"nnU-Net's raw layout. Of {len(rows) - 1} planted, ours finds {n[0]}, nnU-Net's "
            f'`verify_dataset_integrity` {n[1]}. It reads files by SimpleITK, which makes 0 of NaN, of infinity and of '
            'what is missing at the end of a file.\n\n'
            + run.markdown(table, ['planted', '`check_dataset`', 'nnU-Net'])
            + f'\n\n{datetime.date.today()}; {run.machine()}.')
    print(text)
    run.keep('Defects of a data set', text)


if __name__ == '__main__': main()
