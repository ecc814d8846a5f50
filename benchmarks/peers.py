"""The environments of the libraries that ours is compared with, in `.peers/` (or the folder $FASTMONAI_BENCHMARKS).

    python benchmarks/peers.py make      # again when a version below has changed
    python benchmarks/peers.py versions
"""
import argparse, json, os, shutil, subprocess, sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.getenv('FASTMONAI_BENCHMARKS') or ROOT/'.peers')

# niftiai 0.3.0 fails with plum-dispatch from 2.6 on, which fastMONAI 0.12.0 installs, so it has an environment of its
# own.
# It needs the headers of cairo to be built (Debian: libcairo2-dev); where they are missing it is left out.
ENVIRONMENTS = dict(
    peers=['fastMONAI==0.12.0', 'monai==1.6.1', 'torchio==1.2.1', 'nnunetv2==2.8.1'],
    niftiai=['niftiai==0.3.0', 'plum-dispatch<2.6', 'nibabel', 'scipy', 'pandas'])
CONTENDERS = dict(ours=None, fastmonai_0_12='peers', monai_alone='peers', torchio_alone='peers', nnunet='peers',
                  niftiai_alone='niftiai')
SHOWN = 'fastMONAI torch monai torchio nnunetv2 niftiai fastai numpy nibabel'.split()


def interpreter(contender):
    "Python for `contender`; None where its environment is not there"
    env = CONTENDERS[contender]
    if env is None: return Path(sys.executable)
    path = HOME/env/'bin/python'
    return path if (HOME/env/'.ready').exists() else None


def make():
    "Make the environments whose requirements have changed, with the torch that is running here"
    uv = shutil.which('uv', path=f'{Path(sys.executable).parent}:{os.environ["PATH"]}') or sys.exit(
        'uv is missing: pip install uv'
    )
    for name, wanted in ENVIRONMENTS.items():
        wanted = [*wanted, *(f'{p}=={version(p).split("+")[0]}' for p in ('torch', 'torchvision', 'numpy'))]
        folder, text = HOME/name, '\n'.join(wanted)
        if (folder/'.ready').exists() and (folder/'.ready').read_text() == text: continue
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([uv, 'venv', '--quiet', '--python', sys.executable, folder], check=True)
        done = subprocess.run([uv, 'pip', 'install', '--quiet', '--compile-bytecode', '--python', folder/'bin/python',
                               *wanted], env=os.environ | dict(UV_HTTP_TIMEOUT='300'))
        if done.returncode: print(f'{name}: not installed, see above; what is measured in it will be left out')
        else: (folder/'.ready').write_text(text)


def versions(contender):
    "{package: version} of what a contender runs on"
    python = interpreter(contender)
    if python is None: return {}
    if python == Path(sys.executable): return installed()
    res = subprocess.run([python, __file__, 'installed'], capture_output=True, text=True, check=True,
                         env={k: v for k, v in os.environ.items() if k != 'PYTHONPATH'})
    return json.loads(res.stdout)


def installed():
    "{package: version} of the environment this runs in"
    res = {}
    for p in SHOWN:
        try: res[p] = version(p)
        except PackageNotFoundError: pass
    return res


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('command', choices=['make', 'versions', 'installed'])
    command = parser.parse_args().command
    if command == 'make': make()
    elif command == 'installed': print(json.dumps(installed()))
    else:
        for c in CONTENDERS:
            print(f'{c:16}', ' '.join(f'{k}={v}' for k, v in versions(c).items()) or 'not installed: peers.py make')


if __name__ == '__main__': main()
