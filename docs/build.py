"""Build the website in _docs from the notebooks, offline: `python docs/build.py [--run]`.

A module's notebook becomes its page: prose and examples as they stand, each exported cell as the signature and
docstring of what it defines. The pages stand wing by wing, as in `WINGS` of .ci/check.py. Tutorials show the outputs
that they were saved with; with --run the module notebooks and how-to guides are run first, so that their pages show
pictures too. A folder of notebooks that is no wing, and a folder of Markdown in `docs`, is a part of the site by
itself: what `PARTS` says of it is its heading and its place.
"""
import importlib, json, os, re, shutil, subprocess, sys
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
SOURCE = 'https://github.com/MMIV-ML/fastMONAI/blob/main/nbs'

# Parts of the site in the order of its header: title, and what a reader finds there
PARTS = dict(
    tutorials=('Tutorials', 'Each takes one task from its data to a trained model, on real images unless it says that '
               'they are simulated. Begin with the first.'),
    howto=('How-to', 'Short guides, one task each. Their code runs as it stands, on data that it makes up itself, in '
           'less than a minute.'),
    api=('Reference', 'Every module, in the order they build on each other: each page explains, shows and tests what '
         'it documents.'),
    explain=('Explanation', 'Why the library does what it does.'))
# Tutorials name their own part of the course in a line of their first cell: **Tasks 2** · level · minutes · score
COURSE = 'First hour', 'Tasks', 'Sharing', 'Teaching'
FACTS = re.compile(r'^\*\*(?P<part>[A-Z][a-z ]*?) ?(?P<n>\d*)\*\* · '
                   r'(?P<level>[^·]+) · (?P<minutes>[^·]+) · (?P<score>.+)$', re.M)


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


def folders(root):
    "Folders of `root` with pages that belong to no wing, hidden ones apart"
    return sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] not in '._' and p.name not in WINGS)


def planned(nbs):
    "{page: its notebook}: the modules wing by wing, the rest at the top of `nbs`, the folders that are no wings"
    by_notebook = {n: m for m, n in modules(nbs.parent).items()}
    pages = {f'api/{m.replace(".", "/")}': n for n, m in by_notebook.items() if n.parent != nbs or m == n.stem}
    others = [*sorted(nbs.glob('*.ipynb')), *(n for f in folders(nbs) for n in sorted(f.rglob('[!_.]*.ipynb')))]
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
        page = next((at[n] for above in notebook.parents if (n := (above/m[1]).resolve()) in at), None)
        return f'](/{page}.ipynb{m[2].lower()})' if page else m[0]
    for cell in nb.cells:
        if cell.cell_type != 'markdown' or cell.source.startswith('('): continue
        # Jupyter's anchors of headings as Sphinx spells them, here and in `to_page`
        cell.source = re.sub(r'\]\(#[\w-]+\)', lambda m: m[0].lower(), cell.source)
        cell.source = re.sub(r'\]\(([\w./]+\.ipynb)((?:#[\w-]+)?)\)', to_page, cell.source)
        cell.source = re.sub(r'\]\(docs/(\w+/\w+\.md)\)', r'](/\1)', cell.source)
        parts = re.split(r'(```.*?```|^#[^\n]*$)', cell.source, flags=re.DOTALL | re.MULTILINE)
        cell.source = ''.join(p if p.startswith(('```', '#')) else re.sub(r'(?<!\[)`([\w.]+)(?:\(\))?`', link, p)
                              for p in parts)


def contents(pages, title=''):
    "A hidden list that leads to `pages`, each a name or 'title <name>'"
    return '\n'.join([*([f'# {title}', ''] if title else []), '```{toctree}', ':hidden:', '', *pages, '```', ''])


def about(text):
    "(title, the line below it) of the Markdown a page begins with"
    title = re.search(r'^# (.+)$', text, re.M)
    line = re.search(r'^> (.+(?:\n> .+)*)', text, re.M)
    return title[1] if title else '', line[1].replace('\n> ', ' ') if line else ''


def first_words(path):
    "The Markdown that the notebook or Markdown file at `path` begins with"
    text = path.read_text(encoding='utf-8')
    if path.suffix == '.md': return text
    return '\n\n'.join(''.join(c['source']) for c in json.loads(text)['cells'][:6] if c['cell_type'] == 'markdown')


def as_table(head, rows):
    "A Markdown table"
    def line(cells): return '| ' + ' | '.join(str(c).replace('|', r'\|') for c in cells) + ' |'
    return '\n'.join([line(head), line(['---']*len(head)), *map(line, rows)]) + '\n'


def link_to(page, title=None):
    "A link to a page from any other; Sphinx looks its title up where none is given"
    return f'[{title or ""}](/{page})'


def tutorials_page(plan):
    "The tutorials in the order of the course, each with level, minutes and score"
    rows = {}
    for page in (p for p in plan if p.startswith('tutorials/')):
        words = first_words(plan[page])
        facts = FACTS.search(words)
        part, n = (facts['part'], int(facts['n'] or 99)) if facts else ('More', 99)
        title, line = about(words)
        row = [f'{link_to(page + ".ipynb", title)}<br>{line}',
               *([o.removesuffix(' minutes') for o in facts.group('level', 'minutes', 'score')] if facts else '')]
        rows.setdefault(part, []).append((n, row + ['']*(4 - len(row)), page))
    order = sorted(rows, key=lambda o: (*COURSE, o).index(o))
    head = 'tutorial', 'level', 'minutes', 'score'
    tables = [f'## {part}\n\n' + as_table(head, [r for _, r, _ in sorted(rows[part])]) for part in order]
    return '\n\n'.join(tables), [p for part in order for *_, p in sorted(rows[part])]


def described(plan, pages):
    "A table of `pages`, a line each"
    return as_table(['page', 'what it is'], [[link_to(p + plan[p].suffix, about(first_words(plan[p]))[0]),
                                              about(first_words(plan[p]))[1]] for p in pages])


def write_wings(plan):
    "A page for each wing, and the text and list of the reference: what each wing is, and its modules, a line each"
    texts = []
    for wing, what in WINGS.items():
        rooms = [p for p in plan if p.startswith(f'api/{wing}/')]
        title, table = f'{wing}: {what}', described(plan, rooms)
        (PAGES/f'api/{wing}.md').write_text(contents([f'{p.split("/")[2]} <{"/" + p}>' for p in rooms], title) + table)
        texts.append(f'## {title}\n\n{table}')
    tops = [p for p in plan if re.fullmatch(r'api/\w+', p)]
    texts.append('## The front door, the command, and old paths\n\n' + described(plan, tops))
    shown = [*[f'api/{wing}' for wing in WINGS], *tops]
    return '\n'.join(texts), [f'{p.split("/")[1]} </{p}>' for p in shown]


def write_parts(plan):
    "The page of each part of the site: its pages in a table"
    rest = [f.name for f in (*folders(ROOT/'nbs'), *folders(ROOT/'docs')) if f.name not in PARTS]
    for part in dict.fromkeys([*PARTS, *rest]):
        title, words = PARTS.get(part, (part.capitalize(), ''))
        if part == 'api': body, pages = write_wings(plan)
        elif part == 'tutorials': body, pages = tutorials_page(plan)
        else:
            pages = [p for p in plan if p.startswith(f'{part}/')]
            body = described(plan, pages)
        at = [p if '<' in p else f'/{p}' for p in pages]
        (PAGES/f'{part}.md').write_text(f'{contents(at, title)}\n{words}\n\n{body}')
    return [*PARTS, *dict.fromkeys(rest)]


def plain_page(notebook, nbs):
    "A notebook as it stands, without hidden cells, with a link to its source"
    nb = NBProcessor(notebook, procs=[strip_ansi, hide_line, clean_magics, hide_], process=True).nb
    first = next((c for c in nb.cells if c.cell_type == 'markdown'), None)
    if notebook.parent != nbs and first:
        name = notebook.relative_to(nbs).as_posix()
        first.source += f'\n\n<small>This page is a notebook: [{name}]({SOURCE}/{name})</small>'
    return nb


def write_pages(nbs):
    "Write every page and the lists that lead to them"
    labels, plan = {}, planned(nbs)
    paged = set(plan.values())
    if lost := [m for m, n in modules(nbs.parent).items() if n not in paged]:
        raise SystemExit(f'these modules have no page: {lost}')
    by_page = {f'api/{m.replace(".", "/")}': m for m in modules(nbs.parent)}
    pages = {p: module_page(n, importlib.import_module(f'fastMONAI.{by_page[p]}'), labels) if p in by_page
             else plain_page(n, nbs) for p, n in plan.items()}
    texts = {f'{f.name}/{m.stem}': m for f in folders(ROOT/'docs') for m in sorted(f.glob('*.md'))}
    (PAGES/'api').mkdir(exist_ok=True)
    parts = write_parts(plan | texts)
    top = [p for p in pages if '/' not in p and p != 'index'] + [p.stem for p in sorted((ROOT/'docs').glob('*.md'))]
    more = [*top, 'benchmarks/RESULTS', 'CONTRIBUTING', 'CHANGELOG']
    (PAGES/'more.md').write_text(contents([f'/{p}' for p in more], 'More') + '\n' + '\n'.join(
        f'- {link_to(p + (".ipynb" if p in pages else ".md"))}' for p in more))
    pages['index'].cells.append(mk_cell(contents([*parts, 'more']), 'markdown'))
    for name, nb in pages.items():
        link_names(nb, labels, plan[name], plan)
        (PAGES/name).parent.mkdir(parents=True, exist_ok=True)
        write_nb(nb, PAGES/f'{name}.ipynb')
    for name, path in texts.items():
        (PAGES/name).parent.mkdir(exist_ok=True)
        text = re.sub(r'(?<!\[)`([\w.]+)(?:\(\))?`', lambda m: f'[{m[0]}](#{labels[m[1]]})' if m[1] in labels else m[0],
                      path.read_text(encoding='utf-8'))
        (PAGES/f'{name}.md').write_text(text, encoding='utf-8')
    for path in (ROOT/'CONTRIBUTING.md', ROOT/'CHANGELOG.md', ROOT/'LICENSE', ROOT/'docs/conf.py',
                 *(ROOT/'docs').glob('*.md')):
        shutil.copy(path, PAGES)
    shutil.copytree(ROOT/'docs/_static', PAGES/'_static')
    (PAGES/'docs/_static').mkdir(parents=True)
    for path in (ROOT/'docs/_static').glob('*.png'): shutil.copy(path, PAGES/'docs/_static')
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
