"""Build the website in _docs from the notebooks, offline: `python docs/build.py [--run]`.

A module's notebook becomes its page: prose and examples as they stand, each exported cell as the signature and
docstring of what it defines. The pages stand wing by wing, as in `WINGS` of .ci/check.py. Tutorials show the outputs
that they were saved with; with --run the module notebooks are run first, so that their pages show pictures too.
"""
import importlib, os, re, shutil, subprocess, sys
from pathlib import Path

from fastcore.nbio import mk_cell, write_nb
from nbdev.process import NBProcessor
from nbdev.processors import add_show_docs, clean_magics, hide_, hide_line, rm_export, rm_header_dash, strip_ansi
from nbdev.showdoc import MarkdownRenderer, show_doc

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT/'.ci'))
from check import WINGS, modules

BUILD = ROOT/'build/docs'
PAGES = BUILD/'pages'


def run_notebooks():
    "A copy of the notebooks, run, with outputs"
    for name in ('nbs', 'fastMONAI'): shutil.copytree(ROOT/name, BUILD/name)
    shutil.copy(ROOT/'pyproject.toml', BUILD)
    data = Path(os.getenv('FASTMONAI_TEST_DATA') or ROOT.parent/'shared/data').absolute()
    env = dict(os.environ, FASTMONAI_TEST_DATA=str(data), OMP_NUM_THREADS='1')
    flags = ['--flags', 'data'] if data.is_dir() else []
    subprocess.run([Path(sys.executable).parent/'nbdev-test', '--save', '--n-workers', '2', '--skip-folder-re',
                    r'^([_.]|tutorials)', '--skip-file-re', r'^([_.]|index)',
                    *flags], cwd=BUILD, env=env, check=True)
    return BUILD/'nbs'


def planned(nbs):
    "{page: its notebook}: the modules wing by wing, what else stands at the top of `nbs`, the tutorials"
    by_notebook = {n: m for m, n in modules(nbs.parent).items()}
    pages = {f'api/{m.replace(".", "/")}': n for n, m in by_notebook.items() if n.parent != nbs or m == n.stem}
    others = [*sorted(nbs.glob('*.ipynb')), *sorted((nbs/'tutorials').glob('*.ipynb'))]
    return pages | {str(n.relative_to(nbs).with_suffix('')): n for n in others if n not in pages.values()}


def label(module, name):
    "The link target of `name`: with its module, as `Resample` and `resample` differ only by case"
    return f'{module.__name__.split(".")[-1]}.{name}'


def methods(module, name):
    "Names of the public methods that the class `name` itself defines; none of a function"
    obj = vars(module).get(name)
    return [f'{name}.{m}' for m, o in vars(obj).items() if not m.startswith('_') and callable(o)
            and o.__doc__] if isinstance(obj, type) else []


def api_doc(module, name):
    "Markdown for `name` in `module`: link target, heading, signature with the parameters' comments, docstring"
    obj = module
    for part in name.split('.'): obj = getattr(obj, part)
    doc = show_doc(obj, renderer=MarkdownRenderer, name=name)  # None for what only dispatches on types
    return (
        f'({label(module, name)})=\n{"####" if "." in name else "###"} {name}\n\n{doc._repr_markdown_()}' if doc else ''
    )


def shown_name(cell):
    "The name that `cell` is to document, or None"
    m = re.fullmatch(r'(?:#\|.*\n)*show_doc\(([\w.]+)\)\s*', cell.source)
    return m[1] if m and cell.cell_type == 'code' else None


def module_page(notebook, module, labels):
    "The notebook's cells with exported code replaced by its documentation; adds to `labels` the names it defines"
    procs = [add_show_docs, strip_ansi, hide_line, rm_header_dash, rm_export, clean_magics, hide_]
    nb = NBProcessor(notebook, procs=procs, process=True).nb
    shown = {shown_name(c) for c in nb.cells}  # methods added with @patch have a cell of their own
    for cell in nb.cells:
        cell.metadata = {}
        if name := shown_name(cell):
            names = [name] + [m for m in methods(module, name) if m not in shown]
            docs = {n: doc for n in names if (doc := api_doc(module, n))}
            labels.update({n: label(module, n) for n in docs})
            cell.update(mk_cell('\n\n'.join(docs.values()), 'markdown'))
            cell.pop('outputs', None)
    return nb


def link_names(nb, labels, notebook, pages):
    "Make each `name` in the prose a link to its documentation, and each link to a notebook one to its page"
    at = {n: p for p, n in pages.items()}
    def link(m): return f'[{m[0]}](#{labels[m[1]]})' if m[1] in labels else m[0]
    def to_page(m):
        page = at.get((notebook.parent/m[1]).resolve())
        return f'](/{page}.ipynb{m[2].lower()})' if page else m[0]
    for cell in nb.cells:
        if cell.cell_type != 'markdown' or cell.source.startswith('('): continue
        # Jupyter's anchors of headings as Sphinx spells them, here and in `to_page`
        cell.source = re.sub(r'\]\(#[\w-]+\)', lambda m: m[0].lower(), cell.source)
        cell.source = re.sub(r'\]\(([\w./]+\.ipynb)((?:#[\w-]+)?)\)', to_page, cell.source)
        parts = re.split(r'(```.*?```|^#[^\n]*$)', cell.source, flags=re.DOTALL | re.MULTILINE)
        cell.source = ''.join(p if p.startswith(('```', '#')) else re.sub(r'(?<!\[)`([\w.]+)(?:\(\))?`', link, p)
                              for p in parts)


def contents(title, pages, hidden=False):
    "A page, or a hidden list, that leads to `pages`"
    toc = '\n'.join(['```{toctree}', ':hidden:' if hidden else ':maxdepth: 1', '', *pages, '```'])
    return toc if hidden else f'# {title}\n\n{toc}\n'


def write_wings(pages):
    "The list of modules, and a page for each wing: what it is, and its modules"
    (PAGES/'api.md').write_text(contents('Modules', [*[f'{wing}: {what} </api/{wing}>' for wing, what in WINGS.items()],
                                                     *[f'{p.split("/")[1]} </{p}>'
                                                       for p in pages if re.fullmatch(r'api/\w+', p)]]))
    for wing, what in WINGS.items():
        rooms = [f'{p.split("/")[2]} </{p}>' for p in pages if p.startswith(f'api/{wing}/')]
        (PAGES/f'api/{wing}.md').write_text(contents(f'{wing}: {what}', rooms))


def plain_page(notebook):
    return NBProcessor(notebook, procs=[strip_ansi, hide_line, clean_magics, hide_], process=True).nb


def write_pages(nbs):
    "Write every page and the lists that lead to them"
    labels, plan = {}, planned(nbs)
    paged = set(plan.values())
    if lost := [m for m, n in modules(nbs.parent).items() if n not in paged]:
        raise SystemExit(f'these modules have no page: {lost}')
    by_page = {f'api/{m.replace(".", "/")}': m for m in modules(nbs.parent)}
    pages = {p: module_page(n, importlib.import_module(f'fastMONAI.{by_page[p]}'), labels) if p in by_page
             else plain_page(n) for p, n in plan.items()}
    guides = [p for p in pages if '/' not in p and p != 'index'] + [p.stem for p in sorted((ROOT/'docs').glob('*.md'))]
    pages['index'].cells.append(mk_cell(contents('', ['tutorials', *guides, 'api', 'CONTRIBUTING', 'CHANGELOG',
                                                      'benchmarks/RESULTS'], hidden=True), 'markdown'))
    for name, nb in pages.items():
        link_names(nb, labels, plan[name], plan)
        (PAGES/name).parent.mkdir(parents=True, exist_ok=True)
        write_nb(nb, PAGES/f'{name}.ipynb')
    write_wings(pages)
    (PAGES/'tutorials.md').write_text(contents('Tutorials', [p for p in pages if p.startswith('tutorials/')]))
    for path in (ROOT/'CONTRIBUTING.md', ROOT/'CHANGELOG.md', ROOT/'LICENSE', ROOT/'docs/conf.py',
                 *(ROOT/'docs').glob('*.md')):
        shutil.copy(path, PAGES)
    (PAGES/'benchmarks').mkdir(exist_ok=True)
    shutil.copy(ROOT/'benchmarks/RESULTS.md', PAGES/'benchmarks')


def main(run=False):
    shutil.rmtree(BUILD, ignore_errors=True)
    PAGES.mkdir(parents=True)
    write_pages(run_notebooks() if run else ROOT/'nbs')
    subprocess.run([sys.executable, '-m', 'sphinx', '--fail-on-warning', '--keep-going', '-q', '-b', 'html', PAGES,
                    ROOT/'_docs'], check=True)
    print(f'open {ROOT.name}/_docs/index.html')


if __name__ == '__main__': main(run='--run' in sys.argv[1:])
