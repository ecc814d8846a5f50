"The package as settings.ini describes it"
import re
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
parser = ConfigParser(delimiters=['='], interpolation=None)
parser.read(here/'settings.ini', encoding='utf-8')
settings = parser['DEFAULT']


def lines(key): return settings[key].split('\n')[1:]


setup(
    version=re.search(r'^__version__ = "(.+)"', (here/'fastMONAI/__init__.py').read_text(), re.M)[1],
    description=settings['description'],
    long_description=(here/'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    author=settings['author'],
    keywords=settings['keywords'].split(', '),
    license_expression=settings['license'],
    url=settings['git_url'],
    project_urls={'Documentation': settings['doc_url']},
    classifiers=['Development Status :: 4 - Beta',
                 'Intended Audience :: Science/Research',
                 'Programming Language :: Python :: 3',
                 'Topic :: Scientific/Engineering :: Medical Science Apps.'],
    python_requires='>=' + settings['min_python'],
    install_requires=lines('requirements'),
    extras_require={extra: lines(f'{extra}_requirements')
                    for extra in ('demo', 'ixi', 'hub', 'dicom', 'onnx', 'serve', 'viewer', 'tracking',
                                  'selection', 'dev', 'docs', 'paper')},
    packages=find_packages(include=['fastMONAI*']),
    package_data={'fastMONAI': ['py.typed']},  # its types are for those who import it too
    entry_points={'console_scripts': [settings['console_scripts']], 'nbdev': ['fastMONAI = fastMONAI._modidx:d']},
)
