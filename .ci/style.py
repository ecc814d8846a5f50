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
EXTRAS = 'demo', 'hub', 'dicom', 'onnx', 'serve'

COPYLEFT = re.compile(r'\b(A?GPL|LGPL|GNU (Affero |Lesser |Library )?General '
                      r'Public|EUPL|SSPL|CC-BY-(SA|NC)|CeCILL)', re.I)
# What these packages' metadata do not say, or say at the length of the whole text; read off their repositories
LICENCES = {}


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


def check_types(tmp=None):
    "a client's types are known: basedpyright finds no error in .ci/client.py"
    config = dict(include=[str(ROOT/'.ci/client.py')], extraPaths=[str(ROOT)], typeCheckingMode='basic',
                  reportPrivateImportUsage=False)  # MONAI's own habit
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)/'pyrightconfig.json'
        project.write_text(json.dumps(config), encoding='utf-8')
        command = [BIN/'basedpyright', '--outputjson', '--pythonpath', sys.executable, '--project', project]
        done = subprocess.run(command, capture_output=True, text=True)
    found = [d for d in json.loads(done.stdout)['generalDiagnostics'] if d['severity'] == 'error']
    return [f"client.py:{d['range']['start']['line'] + 1}: {d['message'].splitlines()[0]}" for d in found]


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


CHECKS = check_ruff, check_prose, check_cells, check_private, check_types, check_licences

if __name__ == '__main__':
    failed = 0
    for check in CHECKS:
        problems = check()
        failed += bool(problems)
        print(f'{"FAILED" if problems else "ok":6} {check.__doc__}', *problems, sep='\n       ')
    sys.exit(bool(failed))
