"""What ours costs against what it costs elsewhere: the same data, the same machine, the same run, by turns.

    python benchmarks/peers.py make                            # once
    python benchmarks/run.py --tasks whole,patches --repeats 3
    python benchmarks/run.py --tasks minutes --long            # two trainings, up to an hour each
    python benchmarks/run.py --tasks whole,patches --busy 2    # beside two processes that only count

Groups of tasks: whole, patches, summary, window, restore, scale, hippocampus, minutes. Each repeat runs every
contender's task in a process of its own, in one order and then in the other; what is shown are medians. A table is
printed, and its section in benchmarks/RESULTS.md is replaced; with `--busy N` the section "Beside N busy loops", which
holds all the groups. `--quick` takes fewer volumes and one repeat, to see that everything runs, and keeps no results.
"""
import argparse, datetime, os, platform, statistics, subprocess, sys, tempfile, time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import peers
from measure import own_memory, read_figures
from synthetic import HOME, large_volumes, mask_of

HERE = Path(__file__).resolve().parent
RESULTS = HERE/'RESULTS.md'
NAMES = dict(ours='ours', fastmonai_0_12='fastMONAI 0.12.0', monai_alone='MONAI', torchio_alone='TorchIO',
             nnunet='nnU-Net', niftiai_alone='niftiai')


@dataclass
class Row:
    "One of our figures against others'"
    what: str
    ours: str                   # task of ours
    figure: str                 # name of the figure; more is better where it ends in `_per_s`, else less
    # {'contender.task', '… figure' where it has another name: how many times better ours should be, or None}
    peers: dict
    at_most: float = None       # what our own figure should not exceed


def _whole(kind, wanted, others):
    return {f'fastmonai_0_12.{kind}': wanted} | {f'{c}.{kind}': None for c in others}

_queues = {'fastmonai_0_12.patches': 10, 'fastmonai_0_12.patches_cached': 4, 'monai_alone.patches': None,
           'torchio_alone.patches': None, 'nnunet.patches': None}
_augmented = {'fastmonai_0_12.patches_augmented': 4, 'fastmonai_0_12.patches_batch_augmented': None,
              'fastmonai_0_12.patches_raw_augmented': None,
              'monai_alone.patches_augmented': None, 'nnunet.patches_augmented': None}
_words = {'patches': 'queue', 'patches_cached': 'queue, preprocessed', 'patches_augmented': 'suggested transforms',
          'patches_batch_augmented': 'its transforms of batches',
          'patches_raw_augmented': 'queue, suggested transforms', 'whole_memory': 'in memory', 'scale_50': '50 volumes',
          'scale_500': '500 volumes'}

GROUPS = dict(
    whole=('Whole volumes', 'Volumes of 128x128x96 int16 (`.nii.gz`) with masks: reorder, resample to 1.5 mm, '
                            'z-normalise, pad to 96x96x96; batches of 4, 2 workers (ours: none, which is what it '
                            'chooses for prepared items). '
           'Affine and flip with probability 0.5. niftiai knows neither orientation nor spacing: it resizes.', [
        Row('second epoch on, volumes/s', 'whole', 'items_per_s',
            _whole('whole', 10, ['monai_alone', 'torchio_alone', 'niftiai_alone'])
            | {'monai_alone.whole_memory': None}),
        Row('with affine and flip, volumes/s', 'whole_random', 'items_per_s',
            _whole('whole_random', 3, ['monai_alone', 'torchio_alone', 'niftiai_alone'])),
        Row('first epoch with all it prepares, s', 'whole', 'first_epoch_s',
            _whole('whole', 1, ['monai_alone', 'torchio_alone', 'niftiai_alone']) | {'monai_alone.whole_memory': None}),
        Row('slowest batch after the first over the median', 'whole', 'slowest_over_median',
            {'fastmonai_0_12.whole': None}, at_most=5)]),
    patches=('Patches', 'Patches of 64x64x64, 4 of a volume in an epoch, a third about a voxel of the mask, from '
                        'the same volumes; batches of 4, 2 workers (ours: none, which is what it chooses for '
                        'prepared items). nnU-Net\'s files are written before the clock starts.', [
        Row('second epoch on, patches/s', 'patches', 'items_per_s', _queues),
        Row('with random transforms, patches/s', 'patches_augmented', 'items_per_s', _augmented),
        Row('with our preset, patches/s', 'patches_preset', 'items_per_s', {'fastmonai_0_12.patches_augmented': None}),
        Row('first epoch with all it prepares, s', 'patches', 'first_epoch_s',
            {k: 1 if k.startswith('fast') else None for k in _queues if k != 'nnunet.patches'}),
        Row('slowest batch after the first over the median', 'patches', 'slowest_over_median', dict.fromkeys(_queues),
            at_most=5)]),
    summary=('Summary of a data set', 'Of the 64 images above, nothing remembered from before.',
             [Row('s', 'summary', 'seconds', {'fastmonai_0_12.summary': 20})]),
    window=('Sliding window', 'A volume of 256x256x128, window 96x96x64, 2 classes, a small 3D U-Net in float32. '
                              'Memory is how far that of the process rises. fastMONAI 0.12.0 also reads the file.', [
        Row('overlap 0.5, s', 'window', 'seconds', {'monai_alone.window': 1, 'fastmonai_0_12.window': 1}),
        Row('overlap 0.5, MB', 'window', 'peak_mb', {'monai_alone.window': 1, 'fastmonai_0_12.window': None}),
        Row("overlap 0.5 in bfloat16, s", 'window_bf16', 'seconds',
            {'monai_alone.window': None, 'fastmonai_0_12.window': None}),
        Row("overlap='auto', s", 'window_own', 'seconds', {'monai_alone.window': 2, 'fastmonai_0_12.window': 2})]),
    restore=('Labels on the original grid', '8 classes on a grid of 1.2 mm to labels of 256x256x128 voxels of 1 '
                                            'mm: from the network\'s output to the mask.', [
        Row('s', 'restore', 'seconds', {'fastmonai_0_12.restore shape_s': 10,
                                        'fastmonai_0_12.restore nearest_s': None}),
        Row('MB', 'restore', 'peak_mb', {'fastmonai_0_12.restore shape_peak_mb': None})]),
    scale=('Many volumes', 'Prepared volumes of 48x48x48 and masks, batches of 2, 2 workers. 5000 volumes '
                           'against fewer.', [
        Row('anonymous memory of all processes, MB', 'scale_5000', 'anon_mb',
            {'ours.scale_50': .9, 'ours.scale_500': .9}),
        Row('volumes/s', 'scale_5000', 'items_per_s', {'ours.scale_50': .9, 'ours.scale_500': .9})]),
    hippocampus=('An epoch on the hippocampus', '160 volumes of 40x56x40 in training and 40 in validation, a '
                                                'small 3D U-Net, batches of 4, affine and gamma; each library as '
                                                'it runs without being told more.', [
        Row('second epoch on, s', 'hippocampus', 'epoch_s', {'fastmonai_0_12.hippocampus': 1.25})]),
    minutes=('Minutes to a validation Dice of 0.87', 'The same images and network, each library by its own '
                                                     'recipe; at most 60 minutes.', [
        Row('minutes', 'hippocampus_long', 'minutes', {'fastmonai_0_12.hippocampus_long': None})]))


# -- Running ----------------------------------------------------------------------------------------------------------

def run(contender, task, quick, timeout):
    """Figures of one task in a fresh process and a fresh folder, with the most memory it and its workers held, or None
    and the reason"""
    python = peers.interpreter(contender)
    if python is None: return None, 'not installed'
    (HOME/'tmp').mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=HOME/'tmp') as folder:
        env = {k: v for k, v in os.environ.items()
               if k != 'PYTHONPATH'} | dict(FASTMONAI_HOME=f'{folder}/home', FASTMONAI_BENCHMARKS=str(HOME.absolute()))
        if contender == 'ours': env['PYTHONPATH'] = str(HERE.parent)
        if quick: env |= dict(BENCHMARK_VOLUMES='20', BENCHMARK_EPOCHS='1')
        if data := env.get('FASTMONAI_TEST_DATA'): env['FASTMONAI_TEST_DATA'] = os.path.abspath(data)
        with open(f'{folder}/out', 'w+') as out:
            process = subprocess.Popen([python.absolute(), HERE/'task.py', contender, task], cwd=folder, env=env,
                                       stdout=out, stderr=subprocess.STDOUT)
            memory, end = 0., time.time() + timeout
            while process.poll() is None and time.time() < end:
                memory = max(memory, own_memory(process.pid))
                time.sleep(.25)
            if process.poll() is None:
                process.kill()
                return None, f'stopped after {timeout/60:.0f} minutes'
            out.seek(0)
            text = out.read()
    figures = read_figures(text)
    return (None, (text.strip().splitlines()
                   or ['no output'])[-1]) if figures is None else (figures | dict(memory_mb=memory), None)


BUSY = """
import os, sys, time
parent, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
while os.getppid() == parent and time.monotonic() < end:
    for _ in range(10**6): pass
"""

@contextmanager
def busy(n, seconds):
    """`n` processes of this one's priority that only count, until the block ends, or this process does, or after
    `seconds`"""
    loops = []
    try:
        for _ in range(n):
            loops.append(subprocess.Popen([sys.executable, '-c', BUSY, str(os.getpid()), str(seconds)],
                                          stderr=subprocess.DEVNULL))
        yield
    finally:
        for p in loops: p.kill()
        for p in loops: p.wait()


def contender_and_task(name): return name.split(' ')[0].split('.')


def measure(rows, repeats, quick, timeout, only, loops=0):
    "{(contender, task): list of figures} for all that `rows` compare, each beside so many busy `loops`"
    keys = dict.fromkeys([('ours', r.ours) for r in rows]
                         + [tuple(contender_and_task(p)) for r in rows for p in r.peers])
    keys = [k for k in keys if k[0] in only]
    res = {k: [] for k in keys}
    for i in range(repeats):
        for contender, task in keys if i % 2 == 0 else keys[::-1]:
            start = time.time()
            with busy(loops, timeout + 60): figures, why = run(contender, task, quick, timeout)
            if figures: res[contender, task].append(figures)
            print(f'  {i+1}/{repeats} {NAMES[contender]:18} {task:24} {time.time() - start:5.0f} s ',
                  why or ' '.join(f'{k}={short(v)}' for k, v in figures.items()), flush=True)
    return res


# -- Tables -----------------------------------------------------------------------------------------------------------

def short(v):
    return (
        '–'
        if v is None
        else f'{v:.0f}'
        if isinstance(v, float) and abs(v) >= 1000
        else f'{v:.3g}'
        if isinstance(v, float)
        else str(v)
    )


def median(found, contender, task, figure):
    values = [f[figure] for f in found.get((contender, task), []) if f.get(figure) is not None]
    return statistics.median(values) if values else None


def lines(rows, found):
    "Rows of the table: what, ours, peer, its figure, ratio, wanted, memory of both"
    for r in rows:
        ours = median(found, 'ours', r.ours, r.figure)
        for name, wanted in r.peers.items():
            contender, task = contender_and_task(name)
            figure = name.split(' ')[1] if ' ' in name else r.figure
            peer = median(found, contender, task, figure)
            if peer is None and not found.get((contender, task)): continue
            ratio = (
                None
                if ours is None or not peer or not ours
                else ours / peer
                if r.figure.endswith('_per_s')
                else peer / ours
            )
            label = ', '.join(filter(None, [NAMES[contender] if contender != 'ours' else '', _words.get(task),
                                            figure.split('_')[0] if ' ' in name else '']))
            aim = ' and '.join(filter(None, ['' if wanted is None else f'≥ {wanted:g}',
                                             '' if r.at_most is None else f'ours ≤ {r.at_most:g}']))
            met = (
                ''
                if ratio is None or not aim
                else ' ✓'
                if (wanted is None or ratio >= wanted) and (r.at_most is None or ours <= r.at_most)
                else ' ✗'
            )
            memory = '' if r.figure.endswith('_mb') else ' / '.join(short(median(found, *k, 'memory_mb'))
                                                                    for k in (('ours', r.ours), (contender, task)))
            yield [r.what, short(ours), label, short(peer), short(ratio), aim + met, memory]


HEAD = ['', 'ours', 'peer', "peer's", 'times better', 'wanted', 'memory, MB: ours / peer']

def markdown(table, head=HEAD): return '\n'.join('| ' + ' | '.join(r) + ' |' for r in [head, ['---']*len(head), *table])

def plain(table):
    widths = [max(len(r[i]) for r in [HEAD, *table]) for i in range(len(HEAD))]
    return '\n'.join('  '.join(c.ljust(w) for c, w in zip(r, widths)).rstrip() for r in [HEAD, *table])


def agreement():
    "Words on how far the labels of the large volume agree between contenders"
    import torch
    files = {c: HOME/'data/large'/f'labels-{c}.pt'
             for c in ('ours', 'ours_bf16', 'ours_own', 'monai_alone', 'fastmonai_0_12')}
    labels = {c: torch.load(f, weights_only=True) for c, f in files.items() if f.exists()}
    if 'monai_alone' not in labels: return ''
    import nibabel as nib
    dice = lambda a, b: f'{2*((a > 0) & (b > 0)).sum() / ((a > 0).sum() + (b > 0).sum()):.4f}'
    ref, truth = labels.pop('monai_alone'), torch.from_numpy(nib.load(mask_of(large_volumes()[0])).get_fdata())
    words = dict(ours='ours', ours_bf16='in bfloat16', ours_own="with overlap='auto'",
                 fastmonai_0_12='fastMONAI 0.12.0')
    return f'Dice against the truth: MONAI {dice(ref, truth)}, ' + ', '.join(f'{words[c]} {dice(l, truth)}' for c,
                                                                             l in labels.items()) + (
        '. Against MONAI\'s labels: ' + ', '.join(
        f'{words[c]} {dice(l, ref)} ({100*(l == ref).float().mean():.3f} % of the voxels)' for c, l in labels.items())
        + '.')


def endings(found):
    "Words on how far each training got"
    figures = {NAMES[c]: f[0] for (c, _), f in found.items() if f}
    return '; '.join(
        f'{name}: best Dice {f["best_dice"]:.3f} in {f["epochs"]} epochs' for name, f in figures.items()
    ) + ('. A recipe that ends before the Dice is reached has no minutes.')


# -- RESULTS.md -------------------------------------------------------------------------------------------------------

def machine():
    "The machine and the versions, in words"
    info = {k.strip(): v.strip() for k, _,
            v in (l.partition(':') for l in Path('/proc/cpuinfo').read_text().splitlines())}
    memory = int(Path('/proc/meminfo').read_text().split()[1])/2**20
    versions = peers.versions('ours') | {k: v for c in ('fastmonai_0_12', 'niftiai_alone') for k,
                                         v in peers.versions(c).items() if k in ('nnunetv2', 'niftiai')}
    return (f'{len(os.sched_getaffinity(0))} cores ({info.get("model name", platform.machine())}), {memory:.0f} '
            f'GiB; Python {platform.python_version()}, '
            + ', '.join(f'{k} {v}' for k, v in versions.items()))


INTRO = """# Results

What `python benchmarks/run.py` and `python benchmarks/bench_cache_formats.py` measured; `bench_cuda.py` adds a
section on a machine with a CUDA device, `bench_dataset_check.py` one of what two checkers find. Each section names
its machine and versions, and the number of repeats, and is replaced when it is measured again. Each figure is the
median of repeats by turns, each in a fresh process (the formats share one). "Times better" compares rates or seconds
(or MB) so that more is better for ours. Memory is the most that is held by the process and its workers together,
anonymous and shared, without mapped files.
"""

def keep(title, text):
    "Put the section `title` into RESULTS.md, in the place of the one that was there"
    old = RESULTS.read_text() if RESULTS.exists() else ''
    sections = dict((s.split('\n', 1)[0], s.split('\n', 1)[1].strip()) for s in old.split('\n## ')[1:])
    sections[title] = text.strip()
    order = [t for t, *_ in GROUPS.values()]
    titles = sorted(sections, key=lambda t: order.index(t) if t in order else len(order))
    RESULTS.write_text(INTRO + ''.join(f'\n## {t}\n\n{sections[t]}\n' for t in titles))


def ending(found): return f'{datetime.date.today()}, medians of {max(map(len, found.values()))}; {machine()}.'


def measure_group(group, args, only):
    "(what was found, rows of its table, more words) of one group; the table is printed"
    title, words, rows = GROUPS[group]
    print(f'\n{title}. {words}', flush=True)
    once = args.quick or group == 'minutes'
    found = measure(rows, 1 if once else args.repeats, args.quick, 4500 if group == 'minutes' else 1800, only,
                    args.busy)
    table, more = list(lines(rows,
                             found)), agreement() if group == 'window' else endings(found) if group == 'minutes' else ''
    print(plain(table), more, sep='\n', flush=True)
    return found, table, more


def keep_busy(n, found, table):
    "Put the `table` of all groups measured beside `n` busy loops into RESULTS.md"
    words = (f'Tasks from above while {n} other process{"es" * (n > 1)} of the same priority only '
             f'count{"s" * (n == 1)}, as on a shared server '
             'or a laptop in use. Each library waits as it does without being told more.')
    wanted = HEAD.index('wanted')  # is for a machine that does nothing else
    table = [[c for i, c in enumerate(r) if i != wanted] for r in [HEAD, *table]]
    keep(f'Beside {n} busy loop{"s" * (n > 1)}', f'{words}\n\n{markdown(table[1:], table[0])}\n\n{ending(found)}')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--tasks', default=','.join(g for g in GROUPS if g != 'minutes'), help='groups, with commas')
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--peers', default=','.join(NAMES), help='contenders, with commas')
    parser.add_argument('--busy', type=int, default=0, metavar='N', help='processes that only count, beside every task')
    parser.add_argument('--quick', action='store_true', help='few volumes, one repeat, nothing kept')
    parser.add_argument('--long', action='store_true', help='run `minutes` too')
    args = parser.parse_args()
    groups, only = args.tasks.split(','), {'ours', *args.peers.split(',')}
    if unknown := [g for g in groups if g not in GROUPS] + [c for c in only if c not in NAMES]:
        parser.error(f'unknown: {", ".join(unknown)}')
    if 'minutes' in groups and not args.long: parser.error('`minutes` trains for up to two hours: add --long')
    if args.busy < 0: parser.error(f'--busy {args.busy}: expected 0 or more')
    all_found, all_rows = {}, []
    for g in groups + ['minutes']*(args.long and 'minutes' not in groups):
        found, table, more = measure_group(g, args, only)
        all_found |= found
        all_rows += [[f'{GROUPS[g][0]}: {r[0]}', *r[1:]] for r in table]
        if args.quick: continue
        if args.busy: keep_busy(args.busy, all_found, all_rows)  # so far
        else:
            keep(GROUPS[g][0],
                 f'{GROUPS[g][1]}\n\n{markdown(table)}\n\n{more}\n\n{ending(found)}'.replace('\n\n\n\n', '\n\n'))


if __name__ == '__main__': main()
