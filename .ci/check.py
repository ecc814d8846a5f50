"""Every check of `make test`: the generated files, the house rules, how the code reads, and each notebook's cells.

A check counts one, and so does a cell: passed, failed or skipped. What failed or was skipped is printed with its
reason; the last line is the sum. `python .ci/check.py nbs/images/00_geometry.ipynb` runs the named notebooks alone.
"""
import ast, filecmp, json, multiprocessing, os, re, shutil, subprocess, sys, tempfile, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import style

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.getenv('FASTMONAI_TEST_DATA') or ROOT.parent/'shared/data').absolute()
MAX_NOTEBOOK_MB = 3
CELL_SECONDS = 600

# The wings, in order, each with what it is. A module imports only from an earlier wing, or within its wing from a
# notebook of a lower number.
WINGS = dict(
    images='a file, its voxels, its place in space',
    data='from a table to batches',
    learning='what a step of training is made of',
    models='a trained model, and the forms it travels in',
    results='what a model says, how good it is, what it looked at',
    apps='what runs from one call')
GROUND, ROOF = ('moved',), ('cli', 'vision_all')  # modules below all wings, and above
# Slow to import and not always needed: to be imported inside the functions that use them
LAZY = {'torchio', 'SimpleITK', 'pydicom', 'nilearn', 'medmnist', 'skimage', 'mlflow', 'nbdev', 'huggingface_hub',
        'highdicom', 'onnx', 'onnxruntime', 'gradio', 'ipyniivue', 'optuna'}


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
    names = {p.relative_to(d) for d in (a, b) for p in d.rglob(pattern)
             if not any(s.startswith('.') for s in p.relative_to(d).parts)}
    return sorted(str(n) for n in names if not ((a/n).exists() and (b/n).exists()
                                                and filecmp.cmp(a/n, b/n, shallow=False)))


def check_modules(tmp):
    "modules are what their notebooks export"
    return [f'fastMONAI/{n} differs from its notebook: run `make generate`'
            for n in differing(ROOT/'fastMONAI', tmp/'fastMONAI', '*.py')]


def check_clean(tmp):
    "notebooks are clean and small"
    return ([f'nbs/{n} is not clean: run `make generate`' for n in differing(ROOT/'nbs', tmp/'nbs', '*.ipynb')] +
            [f'{n.relative_to(ROOT)} is over {MAX_NOTEBOOK_MB} MB: make its pictures smaller'
             for n in notebooks() if n.stat().st_size > MAX_NOTEBOOK_MB * 2**20])


def check_readme(tmp):
    "README.md is what nbs/index.ipynb gives"
    subprocess.run([sys.executable, ROOT/'docs/readme.py', tmp/'README.md'], check=True)
    return [] if filecmp.cmp(ROOT/'README.md', tmp/'README.md', shallow=False) else [
        'README.md differs from nbs/index.ipynb: run `make generate`']


def modules(root=ROOT):
    "{module, as 'wing.name' or 'name': its notebook}, by what the notebooks of `root` say, in the order of the arrows"
    found = {}
    for notebook in sorted((root/'nbs').rglob('[!_.]*.ipynb')):
        for cell in json.loads(notebook.read_text(encoding='utf-8'))['cells']:
            if m := re.search(r'^#\|\s*default_exp\s+(\S+)', ''.join(cell['source']), re.M):
                found[m[1]] = notebook
    return dict(sorted(found.items(), key=lambda o: place(*o)))


def place(module, notebook):
    "Where a module stands: the number of its wing, and its notebook's number"
    wing, _, _ = module.rpartition('.')
    if wing:
        return [*WINGS].index(wing) if wing in WINGS else len(WINGS), int(re.match(r'\d*', notebook.name)[0] or -1)
    return (-1, 0) if module in GROUND else (len(WINGS) + 1, (*ROOF, module).index(module))


def imported(nodes, package=''):
    "Dotted names of all that the syntax `nodes` import; relative ones (nbdev writes ours so) as seen from `package`"
    for node in nodes:
        if isinstance(node, ast.Import): yield from (a.name for a in node.names)
        if isinstance(node, ast.ImportFrom):
            parts = package.split('.')[:len(package.split('.')) - node.level + 1] if node.level else []
            yield from ('.'.join([*parts, *filter(None, [node.module]), a.name]) for a in node.names)


def module_of(name, known):
    "The module among `known` that the imported dotted `name` of ours is, or is of; '' for the package itself"
    parts = name.split('.')[1:]
    own = len(parts) == 1 and (parts[0] in WINGS or parts[0].startswith('__'))
    return next((m for m in ('.'.join(parts[:2]), parts[0]) if m in known), '' if own else None)


def check_arrows(root):
    "imports point to earlier wings and lower numbers, and slow libraries are imported where they are used"
    problems, known = [], modules(root)
    for module, notebook in known.items():
        path = root/'fastMONAI'/f'{module.replace(".", "/")}.py'
        if '.' in module and module.split('.')[0] not in WINGS:
            problems.append(f'{module} stands in no wing of WINGS in .ci/check.py')
        tree = ast.parse(path.read_text(encoding='utf-8'))
        package = '.'.join(['fastMONAI', *module.split('.')[:-1]])
        for name in sorted({n for n in imported(ast.walk(tree), package) if n.startswith('fastMONAI.')}):
            other = module_of(name, known)
            if other is None:
                problems.append(f'{module} imports {name}, which is none of our modules')
            elif other and place(other, known[other]) >= place(module, notebook):
                problems.append(f'{module} imports {other}, which is in no earlier wing and has no lower number')
        slow = {m.split('.')[0] for m in imported(tree.body, package)} & LAZY
        problems += [f'{module} imports {s} at its top level: import it inside the function that needs it'
                     for s in sorted(slow)]
    return list(dict.fromkeys(problems))


def check_refusal(tmp):
    "an arrow from data to learning is refused, inside a function too"
    missed = []
    for arrow in ('from ..learning.networks import build_network\n',
                  '\ndef late():\n    import fastMONAI.learning.networks\n',
                  '\ndef late():\n    from fastMONAI.learning import networks\n'):
        path = tmp/'fastMONAI/data/vision_data.py'
        text = path.read_text(encoding='utf-8')
        path.write_text(text + arrow, encoding='utf-8')
        if not any('data.vision_data imports learning.networks' in p for p in check_arrows(tmp)):
            missed.append(f'not refused: {arrow.strip()}')
        path.write_text(text, encoding='utf-8')
    return missed


def check_pages(tmp):
    "every module has a notebook, and every notebook a page"
    sys.path.insert(0, str(ROOT/'docs'))
    from build import planned
    known, files = modules(), {p.relative_to(ROOT/'fastMONAI').with_suffix('') for p in (ROOT/'fastMONAI').rglob('*.py')
                               if p.name not in ('__init__.py', '_modidx.py')}
    paged = planned(ROOT/'nbs').values()
    return ([f'fastMONAI/{f}.py has no notebook' for f in sorted(files) if str(f).replace(os.sep, '.') not in known] +
            [f'{n.relative_to(ROOT)} has no page: docs/build.py passes it over' for n in notebooks() if n not in paged])


def check_repository(counts):
    "Run each check above, print its problems, and count it"
    with regenerated() as tmp:
        for check in (check_modules, check_clean, check_readme, check_arrows, check_refusal, check_pages,
                      *style.CHECKS):
            problems = check(tmp)
            counts['failed' if problems else 'passed'] += 1
            print(f'{"FAILED" if problems else "ok":6} {check.__doc__}', *problems, sep='\n       ', flush=True)


# -- The notebooks ----------------------------------------------------------------------------------------------------

def files_in_nbs():
    "Paths of all below nbs, hidden ones apart"
    return {p for p in (ROOT/'nbs').rglob('*') if not any(s.startswith(('.', '_')) for s in p.relative_to(ROOT).parts)}


def notebooks():
    "The notebooks wing by wing, the others after them"
    wings = [*WINGS]
    return sorted(style.notebooks(),
                  key=lambda p: (wings.index(p.parent.name) if p.parent.name in wings else len(wings), p))


def why_skipped(cell, skip_flags):
    "The flag for which nbdev leaves out `cell`"
    return next((f for f in ('slow', 'cuda', 'data', 'notest') if f in cell.directives_ and f in skip_flags),
                'eval: false')


def run_notebook(path, has_data):
    """Run the notebook at `path` as `nbdev-test` would; give back its counts, why cells were skipped, a report and the
    seconds taken"""
    from execnb.shell import CaptureShell
    from fastcore.xtras import working_directory
    from hypothesis import settings
    from nbdev.config import get_config
    from nbdev.process import NBProcessor
    from nbdev.test import nb_test_cells

    # the platform's own, not the pool's, for what the notebook starts
    multiprocessing.set_start_method(None, force=True)
    os.environ['IN_TEST'] = '1'
    settings.load_profile('ci')  # the same examples every time, and no deadline on a busy machine
    start, report = time.time(), []
    skip_flags = set(get_config(path.parent).tst_flags.split()) - ({'data'} if has_data else set())
    nb = NBProcessor(path, rm_directives=False, process=True).nb
    wanted = {c.idx_ for c in nb_test_cells(path, skip_flags)}
    left_out = [c for c in nb.cells if c.cell_type == 'code' and c.source.strip() and c.idx_ not in wanted]
    skipped = Counter(why_skipped(c, skip_flags) for c in left_out)
    lost = [c for c in left_out if has_data and 'data' in c.directives_
            and why_skipped(c, skip_flags) not in ('slow', 'cuda')]
    report += [f'data cell #{c.idx_ + 1} was skipped, though the data is there\n{c.source}' for c in lost]

    shell, ran = CaptureShell(path), []
    with working_directory(path.parent), suppress(BaseException):  # the error stays in shell.exc
        shell.run_all(nb, exc_stop=True, preproc=lambda c: c.idx_ not in wanted, postproc=ran.append,
                      cell_timeout=CELL_SECONDS)
    if shell.exc:
        skipped['not reached after the failure'] = len(wanted) - len(ran)
        report += [f'cell #{ran[-1].idx_ + 1}, id {ran[-1].id}:\n{ran[-1].source}\n',
                   shell.prettytb(path.relative_to(ROOT))]
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
        # the upper wings take longest
        running = {pool.submit(in_own_process, context, p, has_data): p for p in reversed(paths)}
        for future in as_completed(running):
            found, skipped, report, seconds = future.result()
            why = ', '.join(f'{n} {reason}' for reason, n in skipped.items())
            print(f'{"FAILED" if found["failed"] else "ok":6} {running[future].relative_to(ROOT)}: '
                  f'{found["passed"]} cells in {seconds:.0f} s'
                  + (f'; skipped: {why}' if why else '') + (f'\n{report}' if report else ''), flush=True)
            counts.update(found)
    if left := sorted(str(p.relative_to(ROOT)) for p in files_in_nbs() - before):
        counts['failed'] += 1
        print('FAILED notebooks left files behind:', *left)


def main(names):
    start, counts = time.time(), Counter()
    os.environ.update(FASTMONAI_TEST_DATA=str(DATA), OMP_NUM_THREADS='1', MKL_NUM_THREADS='1',
                      ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS='1')
    if not names: check_repository(counts)
    with tempfile.TemporaryDirectory() as home:
        os.environ['FASTMONAI_HOME'] = home
        check_notebooks([Path(n).resolve() for n in names] or notebooks(), counts)
    print(f'{time.time() - start:.0f} s')
    print(f'{counts["passed"]} passed, {counts["failed"]} failed, {counts["skipped"]} skipped')
    return bool(counts['failed']) or not counts['passed']


if __name__ == '__main__': sys.exit(main(sys.argv[1:]))
