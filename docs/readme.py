"""Write README.md, or the file named as argument, from nbs/index.ipynb: its prose and code, without hidden cells and
outputs"""
import re, sys
from pathlib import Path

import nbformat
from fastcore.nbio import nb2str
from nbconvert import MarkdownExporter
from nbdev.process import NBProcessor
from nbdev.processors import hide_

ROOT = Path(__file__).resolve().parent.parent
WARNING = '<!-- Generated from nbs/index.ipynb by docs/readme.py: do not edit -->\n\n'


def readme(index):  # path of the notebook
    "The Markdown text of the notebook at `index`"
    nb = NBProcessor(index, procs=[hide_], process=True).nb
    nb.metadata['language_info'] = {'name': 'python'}
    text, _ = MarkdownExporter(exclude_output=True).from_notebook_node(nbformat.reads(nb2str(nb), as_version=4))
    return WARNING + re.sub(r'\n{3,}', '\n\n', text.strip()) + '\n'


if __name__ == '__main__':
    dest = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT/'README.md'
    dest.write_text(readme(ROOT/'nbs/index.ipynb'), encoding='utf-8')
