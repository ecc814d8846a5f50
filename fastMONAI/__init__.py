import os, sys, warnings

__version__ = "0.13.0"


def _let_threads_sleep():
    """Have OpenMP's threads sleep while they wait, unless the user set how they wait.

    By default they spin. That holds the cores which other programs need, and then all wait for the one thread that has
    no core. The policy alone costs a third of the speed on an idle machine; a short spin before sleep gives it back.
    OpenMP reads these variables once, when torch loads.
    """
    if any(name in os.environ for name in ('OMP_WAIT_POLICY', 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME')):
        return
    # where it is too late for this process, those that it starts have them
    os.environ.update(OMP_WAIT_POLICY='PASSIVE', GOMP_SPINCOUNT='2000')
    torch = sys.modules.get('torch')
    if torch is None or torch.get_num_threads() == 1:
        return
    from multiprocessing import current_process
    if current_process().name == 'MainProcess':  # a spawned worker has its name before its `parent_process`
        warnings.warn('torch was imported before fastMONAI, so its threads spin while they wait, and training all but '
                      'stops beside other programs: import fastMONAI first, or set OMP_WAIT_POLICY=PASSIVE and '
                      'GOMP_SPINCOUNT=2000 before Python starts', stacklevel=3)


_let_threads_sleep()

from .moved import keep_old_paths

keep_old_paths()  # for one release: see nbs/migration.ipynb
