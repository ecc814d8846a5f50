"""Every check of `make test`: the generated files, the house rules, and each notebook's cells.

A check counts one, and so does a cell: passed, failed or skipped. What failed or was skipped is printed with its reason;
the last line is the sum. `python .ci/check.py nbs/00_geometry.ipynb` runs the named notebooks alone.
"""
import ast, filecmp, multiprocessing, os, shutil, subprocess, sys, tempfile, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.getenv('FASTMONAI_TEST_DATA') or ROOT.parent/'shared/data').absolute()
MAX_NOTEBOOK_MB = 3
CELL_SECONDS = 600

# A module imports only from floors below its own
FLOORS = dict(
    files=0, file_checks=0, geometry=0, image_io=1, vision_plot=2, vision_core=3,
    preprocessing=4, cache=4, sliding_window=4, vision_loss=4, vision_metrics=4, uncertainty=4, dicom_seg=4, dataset_info=4, external_data=4,
    postprocessing=5, vision_augmentation=5, batch_augmentation=6, vision_data=6, training_step=7, networks=6, sharing=7,
    hub=8, monai_bundle=8, onnx_export=8, vision_learner=8, vision_inference=9, prediction_folder=10, vision_interpret=9, serve=11, demo=11, cli=12, vision_all=13)
# Slow to import and not always needed: to be imported inside the functions that use them
LAZY = {'torchio', 'SimpleITK', 'pydicom', 'nilearn', 'medmnist', 'skimage', 'mlflow', 'nbdev', 'huggingface_hub', 'highdicom', 'onnx', 'onnxruntime', 'gradio'}


# -- The repository ---------------------------------------------------------------------------------------------------

@contextmanager
def regenerated():
    "A copy of the notebooks as `nbdev-export` and `nbdev-clean` leave them, with the modules that they give"
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp)
        shutil.copytree(ROOT/'nbs', tmp/'nbs', ignore=shutil.ignore_patterns('.*'))
        for name in ('pyproject.toml', 'fastMONAI/__init__.py'):
            (tmp/name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT/name, tmp/name)
        for command in ('nbdev-export', 'nbdev-clean'):
            subprocess.run([Path(sys.executable).parent/command], cwd=tmp, check=True)
        yield tmp


def differing(a: Path, b: Path, pattern: str):
    "Names of the files matching `pattern` that are not the same, or not there, in folders `a` and `b`"
    names = {p.relative_to(d) for d in (a, b) for p in d.rglob(pattern) if not any(s.startswith('.') for s in p.relative_to(d).parts)}
    return sorted(str(n) for n in names if not ((a/n).exists() and (b/n).exists() and filecmp.cmp(a/n, b/n, shallow=False)))


def check_modules(tmp):
    "modules are what their notebooks export"
    return [f'fastMONAI/{n} differs from its notebook: run `make generate`' for n in differing(ROOT/'fastMONAI', tmp/'fastMONAI', '*.py')]


def check_clean(tmp):
    "notebooks are clean and small"
    return ([f'nbs/{n} is not clean: run `make generate`' for n in differing(ROOT/'nbs', tmp/'nbs', '*.ipynb')] +
            [f'{n.relative_to(ROOT)} is over {MAX_NOTEBOOK_MB} MB: make its pictures smaller'
             for n in notebooks() if n.stat().st_size > MAX_NOTEBOOK_MB * 2**20])


def check_readme(tmp):
    "README.md is what nbs/index.ipynb gives"
    subprocess.run([sys.executable, ROOT/'docs/readme.py', tmp/'README.md'], check=True)
    return [] if filecmp.cmp(ROOT/'README.md', tmp/'README.md', shallow=False) else ['README.md differs from nbs/index.ipynb: run `make generate`']


def imported(nodes):
    "Dotted names of the modules that the syntax `nodes` import; relative ones (nbdev writes ours so) as of fastMONAI"
    for node in nodes:
        if isinstance(node, ast.Import): yield from (a.name for a in node.names)
        if isinstance(node, ast.ImportFrom):
            module = '.'.join(filter(None, ['fastMONAI' if node.level else '', node.module]))
            yield from (f'{module}.{a.name}' for a in node.names)


def check_floors(tmp):
    "modules import only from floors below, and slow libraries only where they are used"
    problems = []
    for path in sorted((ROOT/'fastMONAI').glob('[!_]*.py')):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        if path.stem not in FLOORS: problems.append(f'{path.name} has no floor: add it to FLOORS in .ci/check.py')
        ours = {m.split('.')[1] for m in imported(ast.walk(tree)) if m.startswith('fastMONAI.')}
        problems += [f'{path.name} imports {o}, which is not on a floor below' for o in sorted(ours & FLOORS.keys())
                     if FLOORS[o] >= FLOORS.get(path.stem, 0)]
        slow = {m.split('.')[0] for m in imported(tree.body)} & LAZY
        problems += [f'{path.name} imports {s} at its top level: import it inside the function that needs it' for s in sorted(slow)]
    return problems


def check_repository(counts):
    "Run each check above, print its problems, and count it"
    with regenerated() as tmp:
        for check in (check_modules, check_clean, check_readme, check_floors):
            problems = check(tmp)
            counts['failed' if problems else 'passed'] += 1
            print(f'{"FAILED" if problems else "ok":6} {check.__doc__}', *problems, sep='\n       ', flush=True)


# -- The notebooks ----------------------------------------------------------------------------------------------------

def files_in_nbs(): return {p for p in (ROOT/'nbs').rglob('*') if not any(s.startswith(('.', '_')) for s in p.relative_to(ROOT).parts)}
def notebooks(): return sorted(p for p in files_in_nbs() if p.suffix == '.ipynb')


def why_skipped(cell, skip_flags):
    "The flag for which nbdev leaves out `cell`"
    return next((f for f in ('slow', 'cuda', 'data', 'notest') if f in cell.directives_ and f in skip_flags), 'eval: false')


def run_notebook(path, has_data):
    "Run the notebook at `path` as `nbdev-test` would; give back its counts, why cells were skipped, a report and the seconds taken"
    from execnb.shell import CaptureShell
    from fastcore.xtras import working_directory
    from hypothesis import settings
    from nbdev.config import get_config
    from nbdev.process import NBProcessor
    from nbdev.test import nb_test_cells

    multiprocessing.set_start_method(None, force=True)  # the platform's own, not the pool's, for what the notebook starts
    os.environ['IN_TEST'] = '1'
    settings.load_profile('ci')  # the same examples every time, and no deadline on a busy machine
    start, report = time.time(), []
    skip_flags = set(get_config(path.parent).tst_flags.split()) - ({'data'} if has_data else set())
    nb = NBProcessor(path, rm_directives=False, process=True).nb
    wanted = {c.idx_ for c in nb_test_cells(path, skip_flags)}
    left_out = [c for c in nb.cells if c.cell_type == 'code' and c.source.strip() and c.idx_ not in wanted]
    skipped = Counter(why_skipped(c, skip_flags) for c in left_out)
    lost = [c for c in left_out if has_data and 'data' in c.directives_ and why_skipped(c, skip_flags) not in ('slow', 'cuda')]
    report += [f'data cell #{c.idx_ + 1} was skipped, though the data is there\n{c.source}' for c in lost]

    shell, ran = CaptureShell(path), []
    with working_directory(path.parent), suppress(BaseException):  # the error stays in shell.exc
        shell.run_all(nb, exc_stop=True, preproc=lambda c: c.idx_ not in wanted, postproc=ran.append, cell_timeout=CELL_SECONDS)
    if shell.exc:
        skipped['not reached after the failure'] = len(wanted) - len(ran)
        report += [f'cell #{ran[-1].idx_ + 1}, id {ran[-1].id}:\n{ran[-1].source}\n', shell.prettytb(path.relative_to(ROOT))]
    n_failed = bool(shell.exc) + len(lost)
    counts = Counter(passed=len(ran) - bool(shell.exc), failed=n_failed, skipped=skipped.total() - len(lost))
    return counts, +skipped, '\n'.join(report), time.time() - start


def send_result(pipe, *args): pipe.send(run_notebook(*args))


def in_own_process(context, path, has_data):
    "What `run_notebook` gives, run in a fresh process, whose death is a failure of this notebook alone"
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=send_result, args=(sender, path, has_data))
    process.start()
    sender.close()
    try: return receiver.recv()
    except EOFError:
        process.join()
        return Counter(failed=1), {}, f'its process ended with exit code {process.exitcode}', 0


def check_notebooks(paths, counts):
    "Run the notebooks at `paths`, two at a time, and count their cells"
    has_data, before = DATA.is_dir(), files_in_nbs()
    print(f'Real images: {DATA}' if has_data else f'No folder {DATA}: cells marked data are skipped', flush=True)
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['fastai.vision.all', 'monai', 'nbdev.test'])  # imported once, not by each notebook
    with ThreadPoolExecutor(2) as pool:
        running = {pool.submit(in_own_process, context, p, has_data): p for p in reversed(paths)}  # the upper floors take longest
        for future in as_completed(running):
            found, skipped, report, seconds = future.result()
            why = ', '.join(f'{n} {reason}' for reason, n in skipped.items())
            print(f'{"FAILED" if found["failed"] else "ok":6} {running[future].relative_to(ROOT)}: {found["passed"]} cells in {seconds:.0f} s'
                  + (f'; skipped: {why}' if why else '') + (f'\n{report}' if report else ''), flush=True)
            counts.update(found)
    if left := sorted(str(p.relative_to(ROOT)) for p in files_in_nbs() - before):
        counts['failed'] += 1
        print('FAILED notebooks left files behind:', *left)


def main(names):
    start, counts = time.time(), Counter()
    os.environ.update(FASTMONAI_TEST_DATA=str(DATA), OMP_NUM_THREADS='1', MKL_NUM_THREADS='1', ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS='1')
    if not names: check_repository(counts)
    with tempfile.TemporaryDirectory() as home:
        os.environ['FASTMONAI_HOME'] = home
        check_notebooks([Path(n).resolve() for n in names] or notebooks(), counts)
    print(f'{time.time() - start:.0f} s')
    print(f'{counts["passed"]} passed, {counts["failed"]} failed, {counts["skipped"]} skipped')
    return bool(counts['failed']) or not counts['passed']


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
