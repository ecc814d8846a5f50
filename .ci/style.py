"""How the code reads: lines, cells, names, types and licences. `python .ci/style.py` runs these checks alone.

Each check gives a list of problems, one line each; its docstring is what it promises.
"""
import ast, json, re, subprocess, sys, tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
LINE = 120
CELL_LINES = 40
LIBRARY = 'fastMONAI'
CLIENT = ROOT/'.ci/client.py'
EXTRAS = 'demo', 'ixi', 'hub', 'dicom', 'onnx', 'serve', 'viewer', 'tracking', 'selection'

COPYLEFT = re.compile(r'\b([AL]?GPL|GNU (Affero |Lesser |Library )?General Public|EUPL|SSPL|CC-BY-(SA|NC)|CeCILL)',
                      re.I)
# What the metadata of these do not say
LICENCES = {'cuda-toolkit': 'NVIDIA Proprietary Software',  # a list of NVIDIA's wheels, whose own metadata say so
            'huey': 'MIT'}  # by the file LICENSE of its wheel


def notebooks():
    "Paths of the notebooks, hidden folders apart"
    paths = sorted((ROOT/'nbs').rglob('*.ipynb'))
    return [p for p in paths if not any(s.startswith(('.', '_')) for s in p.relative_to(ROOT).parts)]


def cells(path, kind):
    "(number, source) of the cells of a `kind` in the notebook at `path`"
    for i, c in enumerate(json.loads(path.read_text(encoding='utf-8'))['cells'], 1):
        if c['cell_type'] == kind:
            yield i, ''.join(c['source'])


def modules():
    "Paths of the modules"
    return sorted(p for p in (ROOT/LIBRARY).rglob('*.py') if p.name != '_modidx.py')


def check_ruff(tmp=None):
    "ruff has nothing to say (its rules stand in pyproject.toml)"
    command = [BIN/'ruff', 'check', '--quiet', '--output-format', 'concise', '.']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.splitlines() + done.stderr.splitlines()


def long_prose(text):
    "The lines of markdown `text` that are too long; tables, links and what stands in code fences apart"
    prose = re.sub(r'^```.*?^```', '', text, flags=re.M | re.S)
    return [line for line in prose.split('\n') if len(line) > LINE and not line.lstrip().startswith('|')
            and any(len(w) < LINE - 20 for w in line.split()[1:])]


def check_prose(tmp=None):
    "lines of prose have at most 120 characters, tables and URLs apart"
    found = [(f'{p.relative_to(ROOT)}, cell {i}', line) for p in notebooks() for i, s in cells(p, 'markdown')
             for line in long_prose(s)]
    found += [(p.name, line) for p in ROOT.glob('*.md') if p.name != 'README.md'
              for line in long_prose(p.read_text(encoding='utf-8'))]
    return [f'{where}: {len(line)} characters: {line[:60]}…' for where, line in found]


def is_class(source):
    "Whether an exported cell is a class, besides small helpers of its own"
    return any(isinstance(n, ast.ClassDef) for n in ast.parse(source).body)


def check_cells(tmp=None):
    "no exported cell has over 40 lines, a class apart"
    res = []
    for p in notebooks():
        for i, s in cells(p, 'code'):
            lines = [line for line in s.split('\n') if line.strip() and not line.startswith('#|')]
            if re.match(r'#\|\s*export', s) and len(lines) > CELL_LINES and not is_class(s):
                res.append(f'{p.relative_to(ROOT)}, cell {i}: {len(lines)} lines')
    return res


def private_names(path):
    "Names with one underscore that the module at `path` takes from other modules of the library"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    ours = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or '').split('.')[0] == LIBRARY):
            ours |= {a.asname or a.name for a in node.names}
            yield from (a.name for a in node.names if a.name.startswith('_') and not a.name.startswith('__'))
    stems = {m.stem for m in modules()}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr.startswith('_'):
            name = node.value.id
            if name in ours and name.lstrip('_') in stems and not node.attr.startswith('__'):
                yield f'{name}.{node.attr}'


def check_private(tmp=None):
    "no module takes a private name from another"
    return [f'{p.relative_to(ROOT)} takes {n}' for p in modules() for n in private_names(p)]


def pages():
    "The notebooks whose calls a client makes: the front page and the tutorials"
    return [ROOT/'nbs/index.ipynb', *sorted((ROOT/'nbs/tutorials').glob('*.ipynb'))]


def public_names():
    "Names that a star import of the front door gives of our modules, and names of the methods of their classes"
    front = ast.parse((ROOT/LIBRARY/'vision_all.py').read_text(encoding='utf-8'))
    paths = [ROOT/LIBRARY/f'{n.module.replace(".", "/")}.py' for n in front.body
             if isinstance(n, ast.ImportFrom) and n.level and n.names[0].name == '*']
    names, methods = set(), set()
    for node in (n for p in paths for n in ast.parse(p.read_text(encoding='utf-8')).body):
        if isinstance(node, ast.Assign) and '__all__' in [getattr(t, 'id', '') for t in node.targets]:
            names |= {c.value for c in ast.walk(node.value) if isinstance(c, ast.Constant)}
        if isinstance(node, ast.ClassDef) and not node.name.startswith('_'):
            methods |= {f.name for f in node.body if isinstance(f, ast.FunctionDef) and not f.name.startswith('_')
                        and 'property' not in ast.dump(ast.List(f.decorator_list))}
    return names, methods


def used(sources):
    "Names and attributes that appear in the code of `sources`"
    nodes = [n for s in sources for n in ast.walk(ast.parse(s))]
    return {n.id for n in nodes if isinstance(n, ast.Name)}, {n.attr for n in nodes if isinstance(n, ast.Attribute)}


def check_client(tmp=None):
    "the client of .ci/client.py calls all of ours that the front page and the tutorials call"
    theirs = used(s for p in pages() for _, s in cells(p, 'code'))
    own = used([CLIENT.read_text(encoding='utf-8')])
    return [f'client.py does not use {name}' for ours, told, there in zip(public_names(), own, theirs)
            for name in sorted(ours & there - told)]


def unknown(message):
    "Whether a revealed type is not known; what a list or a dict holds may be"
    while (shorter := re.sub(r'\[[^\[\]]*\]', '', message)) != message:
        message = shorter
    return 'Unknown' in message


def check_types(tmp=None):
    "a client's types are known: basedpyright finds no error, and reveals no Unknown, in .ci/client.py"
    config = dict(include=[str(CLIENT)], extraPaths=[str(ROOT)], typeCheckingMode='basic',
                  reportPrivateImportUsage=False)  # MONAI's own habit
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)/'pyrightconfig.json'
        project.write_text(json.dumps(config), encoding='utf-8')
        command = [BIN/'basedpyright', '--outputjson', '--pythonpath', sys.executable, '--project', project]
        done = subprocess.run(command, capture_output=True, text=True)
    report = json.loads(done.stdout)
    if report['summary']['filesAnalyzed'] != 1:
        return [f'basedpyright read {report["summary"]["filesAnalyzed"]} files, expected {CLIENT.name} alone']
    found = [d for d in report['generalDiagnostics'] if d['severity'] == 'error' or
             d['severity'] == 'information' and unknown(d['message'])]
    return [f"client.py:{d['range']['start']['line'] + 1}: {d['message'].splitlines()[0][:200]}" for d in found]


def requirements(name=LIBRARY, extras=EXTRAS, seen=None):
    "Names of all installed distributions that `name` needs, with what they need in turn"
    from packaging.requirements import Requirement
    seen = {} if seen is None else seen
    for line in distribution(name).requires or ():
        r = Requirement(line)
        wanted = r.marker is None or any(r.marker.evaluate(dict(extra=e)) for e in ('', *extras))
        if not wanted or r.name.lower() in seen:
            continue
        try:
            seen[r.name.lower()] = distribution(r.name)
        except PackageNotFoundError:
            continue
        requirements(r.name, r.extras, seen)
    return seen


def licence(dist):
    "What a distribution says of its licence, in few words; empty if nothing"
    meta = dist.metadata
    classifiers = [c.split('::')[-1].strip() for c in meta.get_all('Classifier') or () if c.startswith('License ::')]
    own = meta.get('License-Expression') or (meta.get('License') or '').strip().split('\n')[0]
    return LICENCES.get(dist.name.lower()) or own or ', '.join(classifiers)


def check_licences(tmp=None):
    "every requirement says its licence, and none is copyleft"
    found = {name: licence(d) for name, d in requirements().items()}
    return [f'{n}: {words or "says no licence"}' for n, words in sorted(found.items())
            if not words or COPYLEFT.search(words)]


OPENS_PICKLES = re.compile(r'(pickle|dill|joblib|cloudpickle)\.loads?|torch\.jit\.load|(pd|pandas)\.read_pickle')


def check_pickles(tmp=None):
    "no module opens a pickle, which could run code: torch.load reads weights alone, np.load numbers alone"
    def opens(call):
        name, given = ast.unparse(call.func), {k.arg: ast.unparse(k.value) for k in call.keywords}
        return (OPENS_PICKLES.fullmatch(name) or name == 'torch.load' and given.get('weights_only') != 'True'
                or name in ('np.load', 'numpy.load') and given.get('allow_pickle', 'False') != 'False')
    return [f'{p.relative_to(ROOT)}, line {n.lineno}: {ast.unparse(n)[:80]}' for p in modules()
            for n in ast.walk(ast.parse(p.read_text(encoding='utf-8'))) if isinstance(n, ast.Call) and opens(n)]


CHECKS = check_ruff, check_prose, check_cells, check_private, check_pickles, check_client, check_types, check_licences

if __name__ == '__main__':
    failed = 0
    for check in CHECKS:
        problems = check()
        failed += bool(problems)
        print(f'{"FAILED" if problems else "ok":6} {check.__doc__}', *problems, sep='\n       ')
    sys.exit(bool(failed))
