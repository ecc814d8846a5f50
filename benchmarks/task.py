"""One task of one contender, measured in this process: `python benchmarks/task.py CONTENDER TASK` prints its figures as
one line of JSON.

The interpreter decides what is measured: the one of the environment that `peers.py make` makes for every contender but
`ours`. """
import argparse, importlib, inspect, warnings

from measure import emit


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('contender', help='a module in benchmarks/tasks')
    parser.add_argument('task', nargs='?', help='one of its functions; none: list them')
    args = parser.parse_args()
    warnings.filterwarnings('ignore')
    module = importlib.import_module(f'tasks.{args.contender}')
    tasks = {n: f for n, f in vars(module).items() if inspect.isfunction(f) and f.__module__ == module.__name__
             and not n.startswith('_')}
    if args.task is None: return print(*(f'{n:32}{f.__doc__}' for n, f in tasks.items()), sep='\n')
    emit(tasks[args.task]())


if __name__ == '__main__': main()
