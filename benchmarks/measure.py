"""Seconds, memory and waiting times of one process, for tasks of any environment."""
import gc, json, os, statistics, time
from contextlib import contextmanager
from pathlib import Path


def _status(pid, *names):
    "Sum of the fields `names` of /proc/PID/status in MB; 0 for a process that has ended"
    try: lines = Path(f'/proc/{pid}/status').read_text().splitlines()
    except OSError: return 0.
    return sum(int(l.split()[1])/1024 for l in lines if l.split(':')[0] in names)


def processes(pid):
    "`pid` and all its descendants"
    res = [pid]
    for p in res:
        for task in Path(f'/proc/{p}/task').glob('*/children'):
            try: res += map(int, task.read_text().split())
            except OSError: pass
    return res


def own_memory(pid=None, shared=True):
    """MB of anonymous (and shared) memory, summed over a process and its workers: what cannot be dropped, without the
    pages of mapped files"""
    return sum(_status(p, 'RssAnon', *['RssShmem']*shared) for p in processes(pid or os.getpid()))


@contextmanager
def peak_memory(res, name='peak_mb'):
    """Add to the dict `res` how many MB the resident memory of this process rises above what it was at the start, at
    most"""
    gc.collect()
    Path('/proc/self/clear_refs').write_text('5')  # VmHWM starts again from what is resident now
    before = _status('self', 'VmRSS')
    yield
    res[name] = _status('self', 'VmHWM') - before


def seconds(f, *args, **kwargs):
    "(seconds that a call takes, what it gives)"
    start = time.perf_counter()
    res = f(*args, **kwargs)
    return time.perf_counter() - start, res


def typical_seconds(f, *args, n=3):
    "(median seconds of `n` calls, what the last gives)"
    took, res = zip(*(seconds(f, *args) for _ in range(n)))
    return statistics.median(took), res[-1]


def _epoch(loader, size):
    "(items, seconds between batches) of one pass"
    n, waits, last = 0, [], time.perf_counter()
    for batch in loader:
        n += size(batch)
        now = time.perf_counter()
        waits.append(now - last)
        last = now
    return n, waits


def loader_figures(make, size=lambda b: len(b[0])):
    """Figures of a loader that `make()` gives: the first epoch with everything it needs, then items a second and the
    slowest batch as medians of 3 more ($BENCHMARK_EPOCHS)"""
    start = time.perf_counter()
    loader = make()
    built = time.perf_counter() - start
    n, waits = _epoch(loader, size)
    first, later = time.perf_counter() - start, [_epoch(loader, size)
                                                 for _ in range(int(os.getenv('BENCHMARK_EPOCHS', 3)))]
    return dict(built_s=built, first_epoch_s=first, items=n, items_per_s=statistics.median(n/sum(w) for n, w in later),
                slowest_over_median=statistics.median(max(w[1:])/statistics.median(w[1:]) for _, w in later))


def emit(figures): print('FIGURES ' + json.dumps(figures), flush=True)


def read_figures(text):
    "What `emit` printed, or None"
    line = next((l for l in reversed(text.splitlines()) if l.startswith('FIGURES ')), None)
    return None if line is None else json.loads(line[8:])
