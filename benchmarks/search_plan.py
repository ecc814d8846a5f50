"""A search of a better plan on real data, killed once and gone on with: its trials, its verdict, and its minutes

    python benchmarks/search_plan.py Task04_Hippocampus out --budget 20m --kill-after 8m

trains in a process of its own, which is killed by SIGKILL after `--kill-after`; then the same call goes on to the end.
What the killed process had finished is compared with what is there afterwards: no training is done twice. Called again
with the same folder, it goes on, or says what was found.
"""
import argparse, json, os, platform, signal, subprocess, sys, time
from pathlib import Path

import torch

from fastMONAI.apps.model_selection import search_plan
from fastMONAI.apps.planning import seconds_of
from fastMONAI.apps.tracking import list_runs


def finished(out):
    "{training: when its record was written} of a search's folder"
    return {p.relative_to(out).as_posix(): p.stat().st_mtime_ns for p in sorted(out.glob('trials/*/folds/*/fit.json'))}


def killed_once(args):
    "Train in a process that is killed; what it had finished"
    own = [sys.executable, __file__, str(args.data), str(args.out), '--budget', args.budget, '--threads',
           str(args.threads), '--folds', str(args.folds), *(['--mlflow'] if args.mlflow else []),
           *(['--label', args.label] if args.label else [])]
    process = subprocess.Popen(own)
    try: process.wait(seconds_of(args.kill_after))
    except subprocess.TimeoutExpired: process.send_signal(signal.SIGKILL)
    if process.wait() != -signal.SIGKILL: sys.exit(f'the search ended by itself, with exit code {process.returncode}')
    return finished(args.out)


def main(args):
    torch.set_num_threads(args.threads)
    facts = args.out/'killed.json'
    if args.kill_after and not facts.exists():
        args.out.mkdir(parents=True, exist_ok=True)
        before = killed_once(args)
        facts.write_text(json.dumps(before))
        print(f'killed after {args.kill_after}, with {len(before)} trainings done; the same call goes on', flush=True)
    track = ()
    if args.mlflow:
        from fastMONAI.apps.tracking import MLflowCallback
        track = MLflowCallback(experiment='search', pictures=2)
    start = time.time()
    options = dict(label=args.label) if args.label else {}
    found = search_plan(args.data, args.out, args.budget, folds=args.folds, track=track, **options)
    print(f'\n{found}\n\n{list_runs(args.out).to_string(index=False)}')
    if facts.exists():
        before, after = json.loads(facts.read_text()), finished(args.out)
        again = [k for k, v in before.items() if after.get(k) != v]
        print(f'\nkilled once with {len(before)} trainings done, of which {len(again)} were trained again')
    result = json.loads((args.out/'result.json').read_text())
    print(f"\n{result['minutes']} minutes in all, {(time.time() - start)/60:.1f} in this sitting; torch "
          f'{torch.__version__}, {args.threads} threads, {platform.processor() or platform.machine()}')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('data', type=Path)
    parser.add_argument('out', type=Path)
    parser.add_argument('--budget', default='20m')
    parser.add_argument('--kill-after', help='a time, such as 8m; left out: it is not killed')
    parser.add_argument('--label', help='column, of a table')
    parser.add_argument('--folds', type=int, default=5)
    parser.add_argument('--threads', type=int, default=os.cpu_count())
    parser.add_argument('--mlflow', action='store_true', help='record each trial in MLflow, beside the folder')
    main(parser.parse_args())
