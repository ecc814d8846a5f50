"""What the front door costs: `from fastMONAI.vision_all import *` against fastai's vision names plus MONAI, in fresh
processes by turns.

python benchmarks/bench_import.py [--repeats 5]
"""
import argparse, statistics, subprocess, sys

OURS = 'from fastMONAI.vision_all import *'
PEERS = 'from fastai.vision.all import *; import monai'

def import_seconds(statement):
    """Seconds of all imports of `statement` in a fresh process, by `python -X importtime`: the sum over its top-level
    lines"""
    err = subprocess.run([sys.executable, '-X', 'importtime', '-c', statement], capture_output=True, text=True,
                         check=True).stderr
    rows = [line[len('import time:'):].split('|') for line in err.splitlines() if line.startswith('import time:')]
    return sum(int(self_us) for self_us, *_ in rows[1:]) / 1e6

def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--repeats', type=int, default=5, help='pairs of processes, after one that warms the disk')
    n = parser.parse_args().repeats
    for statement in (OURS, PEERS): import_seconds(statement)
    pairs = [(import_seconds(OURS), import_seconds(PEERS)) for _ in range(n)]
    ours, peers = zip(*pairs)
    print(f'{OURS!r}: median {statistics.median(ours):.2f} s')
    print(f'{PEERS!r}: median {statistics.median(peers):.2f} s')
    print(f'ratio, pair by pair: median {statistics.median(a/b for a,b in pairs):.3f}, at most 1.3 wanted')

if __name__ == '__main__': main()
