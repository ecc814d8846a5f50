"""Build the website in _docs from the notebooks, offline: `python docs/build.py [--run]`.

A module's notebook becomes its page: prose and examples as they stand, each exported cell as the signature and docstring of what it
defines. Tutorials show the outputs that they were saved with; with --run the module notebooks are run first, so that their pages show pictures too.
"""
import importlib, os, re, shutil, subprocess, sys
from pathlib import Path

from fastcore.nbio import mk_cell, write_nb
from nbdev.process import NBProcessor
from nbdev.processors import add_show_docs, clean_magics, hide_, hide_line, rm_export, rm_header_dash, strip_ansi
from nbdev.showdoc import MarkdownRenderer, show_doc

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT/'build/docs'
PAGES = BUILD/'pages'


def run_notebooks():
    "A copy of the notebooks, run, with outputs"
    for name in ('nbs', 'fastMONAI'): shutil.copytree(ROOT/name, BUILD/name)
    shutil.copy(ROOT/'pyproject.toml', BUILD)
    data = Path(os.getenv('FASTMONAI_TEST_DATA') or ROOT.parent/'shared/data').absolute()
    env = dict(os.environ, FASTMONAI_TEST_DATA=str(data), OMP_NUM_THREADS='1')
    flags = ['--flags', 'data'] if data.is_dir() else []
    subprocess.run([Path(sys.executable).parent/'nbdev-test', '--save', '--n-workers', '2', '--file_re', r'^\d', *flags], cwd=BUILD, env=env, check=True)
    return BUILD/'nbs'


def page_name(notebook): return re.sub(r'^\d+[a-z]?_', '', notebook.stem)


def label(module, name):
    "The link target of `name`: with its module, as `Resample` and `resample` differ only by case"
    return f'{module.__name__.split(".")[-1]}.{name}'


def methods(module, name):
    "Names of the public methods that the class `name` itself defines; none of a function"
    obj = vars(module).get(name)
    return [f'{name}.{m}' for m, o in vars(obj).items() if not m.startswith('_') and callable(o) and o.__doc__] if isinstance(obj, type) else []


def api_doc(module, name):
    "Markdown for `name` in `module`: link target, heading, signature with the parameters' comments, docstring"
    obj = module
    for part in name.split('.'): obj = getattr(obj, part)
    doc = show_doc(obj, renderer=MarkdownRenderer, name=name)  # None for what only dispatches on types
    return f'({label(module, name)})=\n{"####" if "." in name else "###"} {name}\n\n{doc._repr_markdown_()}' if doc else ''


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


def link_names(nb, labels):
    "Make each `name` in the prose a link to its documentation"
    def link(m): return f'[{m[0]}](#{labels[m[1]]})' if m[1] in labels else m[0]
    for cell in nb.cells:
        if cell.cell_type != 'markdown' or cell.source.startswith('('): continue
        cell.source = re.sub(r'\]\(#[\w-]+\)', lambda m: m[0].lower(), cell.source)  # Jupyter's anchors of headings as Sphinx spells them
        cell.source = re.sub(r'\]\(\d+[a-z]?_(\w+\.ipynb)\)', r'](/api/\1)', cell.source)  # from one module's notebook to another's
        parts = re.split(r'(```.*?```|^#[^\n]*$)', cell.source, flags=re.DOTALL | re.MULTILINE)
        cell.source = ''.join(p if p.startswith(('```', '#')) else re.sub(r'(?<!\[)`([\w.]+)(?:\(\))?`', link, p) for p in parts)


def contents(title, pages, hidden=False):
    "A page, or a hidden list, that leads to `pages`"
    toc = '\n'.join(['```{toctree}', ':hidden:' if hidden else ':maxdepth: 1', '', *pages, '```'])
    return toc if hidden else f'# {title}\n\n{toc}\n'


def plain_page(notebook): return NBProcessor(notebook, procs=[strip_ansi, hide_line, clean_magics, hide_], process=True).nb


def write_pages(nbs):
    "Write every page and the lists that lead to them"
    labels, pages = {}, {}
    for notebook in sorted(nbs.glob('[0-9]*.ipynb')):
        name = page_name(notebook)
        if (ROOT/f'fastMONAI/{name}.py').exists(): pages[f'api/{name}'] = module_page(notebook, importlib.import_module(f'fastMONAI.{name}'), labels)
        else: pages[name] = plain_page(notebook)
    for notebook in sorted((nbs/'tutorials').glob('*.ipynb')): pages[f'tutorials/{notebook.stem}'] = plain_page(notebook)
    guides = [p for p in pages if '/' not in p] + [p.stem for p in sorted((ROOT/'docs').glob('*.md'))]
    pages['index'] = plain_page(nbs/'index.ipynb')
    pages['index'].cells.append(mk_cell(contents('', ['tutorials', *guides, 'api', 'CONTRIBUTING', 'CHANGELOG', 'benchmarks/RESULTS'], hidden=True), 'markdown'))
    for name, nb in pages.items():
        link_names(nb, labels)
        (PAGES/name).parent.mkdir(parents=True, exist_ok=True)
        write_nb(nb, PAGES/f'{name}.ipynb')
    (PAGES/'api.md').write_text(contents('Modules', [f'{p.split("/")[1]} <{p}>' for p in pages if p.startswith('api/')]))
    (PAGES/'tutorials.md').write_text(contents('Tutorials', [p for p in pages if p.startswith('tutorials/')]))
    for path in (ROOT/'CONTRIBUTING.md', ROOT/'CHANGELOG.md', ROOT/'LICENSE', ROOT/'docs/conf.py', *(ROOT/'docs').glob('*.md')): shutil.copy(path, PAGES)
    (PAGES/'benchmarks').mkdir(exist_ok=True)
    shutil.copy(ROOT/'benchmarks/RESULTS.md', PAGES/'benchmarks')


def main(run=False):
    shutil.rmtree(BUILD, ignore_errors=True)
    PAGES.mkdir(parents=True)
    write_pages(run_notebooks() if run else ROOT/'nbs')
    subprocess.run([sys.executable, '-m', 'sphinx', '--fail-on-warning', '--keep-going', '-q', '-b', 'html', PAGES, ROOT/'_docs'], check=True)
    print(f'open {ROOT.name}/_docs/index.html')


if __name__ == '__main__': main(run='--run' in sys.argv[1:])
