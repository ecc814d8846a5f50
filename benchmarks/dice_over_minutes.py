"""How good a segmentation is after so many minutes of training: the same cases, split and machine, one after another.

    python benchmarks/peers.py make                        # once
    python benchmarks/dice_over_minutes.py                 # 5, 15 and 30 minutes of each: some hours
    python benchmarks/dice_over_minutes.py --minutes 5 --peers nnunet

160 hippocampi (the Decathlon's task 4 in $FASTMONAI_TEST_DATA) to learn from, 40 to predict; masks are scored by
`evaluate_model` on the files' own grids. Figures are kept in `.peers/dice`, a file each, so that what was measured
is not measured again; the section of benchmarks/RESULTS.md holds them all.
"""
import argparse, json, os, subprocess, tempfile, time

import peers
from measure import read_figures
from run import HERE, NAMES, keep, machine, markdown
from synthetic import hippocampus

CONTENDERS = dict(ours='`auto_train`', nnunet='nnU-Net v2, 3d_fullres', monai_alone="MONAI's SegResNet",
                  fastmonai_0_12="fastMONAI 0.12's tutorial")
KEPT = peers.HOME/'dice'


def train(contender, minutes, masks, log):
    "Figures of one training in a fresh process; RuntimeError where it gave none"
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    env |= dict(BENCHMARK_MINUTES=str(minutes), BENCHMARK_MASKS=str(masks),
                FASTMONAI_BENCHMARKS=str(peers.HOME.absolute()))
    if contender == 'ours': env['PYTHONPATH'] = str(HERE.parent)
    if data := env.get('FASTMONAI_TEST_DATA'): env['FASTMONAI_TEST_DATA'] = os.path.abspath(data)
    with tempfile.TemporaryDirectory() as folder, open(log, 'w+') as out:
        env['FASTMONAI_HOME'] = f'{folder}/home'
        subprocess.run([peers.interpreter(contender).absolute(), HERE/'task.py', contender, 'dice'], cwd=folder,
                       env=env, stdout=out, stderr=subprocess.STDOUT)
        out.seek(0)
        figures = read_figures(out.read())
    if figures is None: raise RuntimeError(f'{contender} at {minutes} minutes gave nothing: see {log}')
    return figures


def score(masks):
    "Mean Dice with its interval, and of both structures, on the files' own grids"
    import pandas as pd
    from fastMONAI.vision_all import evaluate_model
    rows = [r for r in hippocampus() if r['is_valid']]
    found = evaluate_model(masks, pd.DataFrame(rows)[['image', 'mask']].assign(split='valid'), split='valid',
                           progress=False).summary
    dice = found[found.metric == 'dice'].set_index('class')
    return {c: [float(r[k]) for k in ('value', 'low', 'high')] for c, r in dice.iterrows()}


def measure(contender, minutes):
    "Train, predict and score one contender, and keep its figures"
    KEPT.mkdir(parents=True, exist_ok=True)
    masks = KEPT/f'{contender}-{minutes:g}'
    figures = train(contender, minutes, masks, KEPT/f'{contender}-{minutes:g}.log')
    figures |= dict(dice=score(masks), when=time.strftime('%Y-%m-%d'), contender=contender, minutes=minutes)
    (KEPT/f'{contender}-{minutes:g}.json').write_text(json.dumps(figures))
    return figures


def table():
    "Rows of what was measured so far"
    found = [json.loads(f.read_text()) for f in KEPT.glob('*.json')]
    order = list(CONTENDERS)
    for f in sorted(found, key=lambda f: (order.index(f['contender']), f['minutes'])):
        value, low, high = f['dice']['mean']
        yield [CONTENDERS[f['contender']], f'{f["minutes"]:g}', f'{value:.3f} ({low:.3f} to {high:.3f})',
               f'{f["train_minutes"]:.1f}', f'{f["epochs"]}', f'{f["prepare_minutes"]:.1f}',
               f'{f["predict_minutes"]:.1f}']


HEAD = ['', 'minutes', 'Dice (95 % interval)', 'minutes taken', 'epochs', 'to prepare', 'to predict']
WORDS = """Mean Dice of both structures of 40 hippocampi on their own grids, learned from 160 others, by minutes of
training. nnU-Net's epochs are cut to 4 steps so that its schedule ends in the time; its preprocessing is outside the
clock. SegResNet trains whole volumes with Adam, a cosine, mirror images and changed intensities; fastMONAI 0.12 by
its tutorial's recipe. `auto_train` does all within the time: reading, checking, preparing, scoring and saving too;
it chose its best epoch on the 40 cases, the others end with their last."""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--minutes', default='5,15,30', help='of training, with commas')
    parser.add_argument('--peers', default=','.join(CONTENDERS), help='contenders, with commas')
    args = parser.parse_args()
    names = args.peers.split(',')
    if unknown := [c for c in names if c not in CONTENDERS]: parser.error(f'unknown: {", ".join(unknown)}')
    for minutes in map(float, args.minutes.split(',')):
        for c in names:
            if (KEPT/f'{c}-{minutes:g}.json').exists(): continue
            if peers.interpreter(c) is None:
                print(f'{NAMES[c]}: not installed: python benchmarks/peers.py make')
                continue
            print(c, minutes, measure(c, minutes), flush=True)
            keep('Dice over minutes', f'{WORDS}\n\n{markdown(list(table()), HEAD)}\n\n{machine()}.')


if __name__ == '__main__': main()
