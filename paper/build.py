"""Run paper.ipynb and make paper.md, its figures and paper.pdf of it: `python paper/build.py [--kept]`.

Code cells are left out but those that begin with `#| echo`; their Markdown outputs and pictures stay. With --kept the
outputs of the last run are taken as they are.
"""
import argparse, base64, re
from pathlib import Path

import nbformat
import pypandoc
import typst
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
HEAD = """---
title: 'fastMONAI: deep learning on medical images in a few lines, within a stated time'
tags: [Python, deep learning, medical imaging, segmentation, fastai, MONAI]
bibliography: paper.bib
---
"""


def source(cell):
    "The directives of a code cell, and its code without them"
    lines = cell.source.splitlines()
    return [l[2:].strip() for l in lines if l.startswith('#|')], '\n'.join(l for l in lines if not l.startswith('#|'))


def parts(nb, figures):
    "Markdown of each cell; pictures are written into the folder `figures`"
    n = 0
    for cell in nb.cells:
        if cell.cell_type == 'markdown':
            yield cell.source
            continue
        directives, code = source(cell)
        if 'echo' in directives: yield f'```python\n{code}\n```'
        caption = next((d.removeprefix('caption:').strip() for d in directives if d.startswith('caption:')), '')
        words, label = re.fullmatch(r'(.*?)\s*(\{#.*\})?', caption).groups()
        for out in cell.get('outputs', []):
            data = out.get('data', {})
            if 'text/markdown' in data: yield data['text/markdown']
            elif 'image/png' in data:
                n += 1
                (figures/f'{n}.png').write_bytes(base64.b64decode(data['image/png']))
                yield f'![{words}](figures/{n}.png){label or ""}'


def numbered(text):
    "`@fig:name` as the number of the figure that has the label `{#fig:name}`"
    names = re.findall(r'\{#(fig:\w+)\}', text)
    for i, name in enumerate(names, 1): text = text.replace(f'@{name}', f'Figure {i}').replace(f'{{#{name}}}', '')
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kept', action='store_true', help='take the outputs of the last run')
    args = parser.parse_args()
    nb = nbformat.read(HERE/'paper.ipynb', 4)
    if not args.kept:
        NotebookClient(nb, timeout=3600, resources=dict(metadata=dict(path=HERE))).execute()
        nbformat.write(nb, HERE/'paper.ipynb')
    (HERE/'figures').mkdir(exist_ok=True)
    text = numbered('\n\n'.join([HEAD, *parts(nb, HERE/'figures')]))
    (HERE/'paper.md').write_text(text + '\n')
    pypandoc.convert_text(text, 'typst', 'markdown', outputfile=str(HERE/'paper.typ'), cworkdir=HERE,
                          extra_args=['--standalone', '--citeproc', f'--bibliography={HERE/"paper.bib"}',
                                      '-V', 'papersize=a4', '-V', 'fontsize=10pt'])
    typst.compile(HERE/'paper.typ', output=HERE/'paper.pdf')
    (HERE/'paper.typ').unlink()
    print(HERE/'paper.pdf')


if __name__ == '__main__': main()
