"""Readers against mutated files: no crash, no hang, no voxel changed without a word.

Small real files of every format are mutated (bytes flipped, cut, repeated; words of a header replaced by extreme
values; checksums mended where that is asked for), each is read in a child process, and the outcome is one of

- an `ImageError` of one line that starts with the file's name;
- the same voxels and affine as an independent reader (nibabel, pydicom, Pillow, or the few lines below for NRRD and
  MetaImage).

`python .ci/fuzz_readers.py --n 5000 --seed 1` prints a line for whatever else happened, and ends with the counts; a
file's number and the seed make it anew (`--only 1234 --keep folder`).
"""
import argparse, gzip, multiprocessing, os, re, resource, signal, struct, sys, tempfile, time, warnings, zlib
from collections import Counter
from pathlib import Path
import numpy as np

SECONDS, MEMORY = 20, 2**31  # allowed for one file: what is slower is a hang; bytes beyond what the worker held before
EXTREME = [b'', b'0', b'-1', b'1', b'2', b'7', b'255', b'65536', b'2147483647', b'2147483648', b'-2147483649',
           b'4294967296', b'9223372036854775807',
           b'99999999999999999999999', b'1e308', b'1e-320', b'1e999', b'nan', b'-inf', b'A', b'A'*300, b'A'*5000,
           b'1'*5000, b'%n%n%n', b'%s', b'../x',
           b'/dev/zero', b'LIST', b'LOCAL', b'pipe', b'(', b')', b'()', b'"', b'\0', b'\xff', 'größe'.encode(), b'none',
           b'short', b'double', b'MET_DOUBLE',
           b'True', b'gzip', b'raw', b'ascii', b'hex', b'big', b'(0,0,0)', b'(1e400,0,0)', b'block', b'NRRD0005',
           b'3 3 3', b'%03d.raw 1 9 1']


# -- Files to begin with ----------------------------------------------------------------------------------------------

def binary_volumes(folder: Path, volume, affine, rng):
    "NIfTI, MGH, NRRD and MetaImage, packed and not"
    import nibabel as nib, SimpleITK as sitk
    image = nib.Nifti1Image(volume, affine)
    image.header.extensions.append(nib.nifti1.Nifti1Extension('comment', b'left knee'))
    nib.save(image, folder/'a.nii')
    nib.save(image, folder/'a.nii.gz')
    nib.save(nib.Nifti2Image(volume, affine), folder/'a2.nii')
    nib.save(nib.Nifti1Pair(volume, affine), folder/'pair.hdr')
    for name in ('a.mgz', 'a.mgh'): nib.save(nib.MGHImage(volume.astype(np.float32), affine), folder/name)
    lps = sitk.GetImageFromArray(volume.T)
    lps.SetSpacing((1.5, 2, 2.5)), lps.SetOrigin((-20, 30, 7)), lps.SetMetaData('patient', 'knee')
    for name in ('a.nrrd', 'a.mha', 'a.nhdr', 'a.mhd'):
        for packed in (False, True): sitk.WriteImage(lps, str(folder/(name if not packed else 'z' + name)), packed)
    vectors = sitk.GetImageFromArray(rng.normal(size=(5, 6, 7, 3)).astype(np.float32), isVector=True)
    for name in ('v.nrrd', 'v.mha'): sitk.WriteImage(vectors, str(folder/name), False)


def other_encodings(folder: Path, volume):
    "NRRD and MetaImage of `binary_volumes` as text, as hexadecimal digits, and in several files"
    head, data = (folder/'a.nrrd').read_bytes().split(b'\n\n', 1)
    text = b' '.join(b'%d' % v for v in volume.ravel(order='F'))
    (folder/'text.nrrd').write_bytes(head.replace(b'encoding: raw', b'encoding: ascii') + b'\n\n' + text)
    (folder/'hex.nrrd').write_bytes(head.replace(b'encoding: raw', b'encoding: hex') + b'\n\n' + data.hex().encode())
    binary = (folder/'a.mha').read_bytes()[:-volume.nbytes]
    (folder/'text.mha').write_bytes(re.sub(rb'(\nBinaryData = )True', rb'\1False', binary) + text + b'\n')
    for k in range(7): (folder/f'part{k}.raw').write_bytes(volume[:, :, k].tobytes(order='F'))
    parts = b''.join(b'part%d.raw\n' % k for k in range(7))
    (folder/'list.nhdr').write_bytes(head + b'\ndata file: LIST\n' + parts)
    (folder/'number.nhdr').write_bytes(head + b'\ndata file: part%d.raw 0 6 1\n')
    (folder/'list.mhd').write_bytes((folder/'a.mhd').read_bytes().replace(b'a.raw', b'LIST\n' + parts))


def pictures(folder: Path, rng):
    "PNG, JPEG and TIFF of every kind"
    from PIL import Image
    colour = rng.integers(0, 255, (24, 19, 3)).astype(np.uint8)
    for mode in ('L', 'RGB', 'P', '1', 'RGBA'): Image.fromarray(colour).convert(mode).save(folder/f'{mode}.png')
    Image.fromarray(colour[..., 0].astype(np.uint16)*200).save(folder/'deep.png')
    for name, options in {'a.jpg': {}, 'progressive.jpg': dict(progressive=True),
                          'coarse.jpg': dict(quality=5)}.items():
        Image.fromarray(colour).save(folder/name, **options)
    for packed in (None, 'tiff_lzw', 'tiff_deflate', 'packbits', 'jpeg'):
        Image.fromarray(colour).save(folder/f'{packed}.tif', compression=packed)


def seed_files(folder: Path):
    "{name: its files}: small files of every format, made here, and small real ones where there are some"
    rng = np.random.default_rng(0)
    volume = rng.integers(-900, 900, (9, 8, 7)).astype(np.int16)
    affine = np.array([[-2, .1, 0, 9], [0, 1.5, 0, 8], [0, 0, 3, 7], [0, 0, 0, 1.]])
    binary_volumes(folder, volume, affine, rng)
    other_encodings(folder, volume)
    pictures(folder, rng)
    dicom(folder/'a.dcm', volume[:, :, 0].T)
    dicom(folder/'rle.dcm', volume[:, :, 0].T, rle=True)
    files = {f.name: [f] for f in sorted(folder.iterdir()) if f.suffix not in ('.raw', '.zraw', '.img')
             and not f.name.endswith('.raw.gz')}
    others = [f for f in sorted(folder.iterdir()) if f.name not in files]
    for found in files.values(): found += [f for f in others if named_in(found[0], f)]
    return files | real_files()


def named_in(header: Path, file: Path):
    return (
        file.stem == header.stem == 'pair'
        or header.suffix in ('.nhdr', '.mhd')
        and (file.name.encode() in header.read_bytes() or header.stem == 'number' and 'part' in file.name)
    )


def dicom(path, pixels, rle=False):
    "One slice as DICOM"
    import pydicom
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, RLELossless
    ds = pydicom.Dataset()
    ds.SOPClassUID, ds.SOPInstanceUID, ds.SeriesInstanceUID, ds.Modality = CTImageStorage, '1.2.3.4', '1.2.3', 'CT'
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = *pixels.shape, 1, 'MONOCHROME2'
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 16, 15, 1
    ds.PixelSpacing, ds.RescaleSlope, ds.RescaleIntercept = [2, 1.5], 2, -10
    ds.ImagePositionPatient, ds.ImageOrientationPatient = [1, 2, 3], [1, 0, 0, 0, 1, 0]
    ds.PixelData = pixels.astype('<i2').tobytes()
    ds.file_meta = pydicom.dataset.FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if rle: ds.compress(RLELossless)
    ds.save_as(path, enforce_file_format=True)


def real_files(largest=60_000):
    "Some small real files, where the folder of real images is there"
    root, found = Path(os.getenv('FASTMONAI_TEST_DATA', '')), {}
    if not os.getenv('FASTMONAI_TEST_DATA') or not root.is_dir(): return found
    for suffix in ('.nrrd', '.mha', '.nii.gz', '.dcm', '.png', '.jpg', '.jpeg', '.mgz', '.tif'):
        files = sorted(f for f in root.rglob(f'*{suffix}') if f.is_file() and f.stat().st_size < largest)
        found |= {f'real-{i}-{f.name}': [f] for i, f in enumerate(files[::max(1, len(files)//3)][:3])}
    return found


# -- Mutations --------------------------------------------------------------------------------------------------------

def flip_bit(data: bytearray, i, n, rng):
    if len(data): data[i % len(data)] ^= 1 << int(rng.integers(8))


def other_byte(data: bytearray, i, n, rng):
    if len(data): data[i % len(data)] = int(rng.integers(256))


def cut_off(data: bytearray, i, n, rng): del data[int(rng.integers(len(data) + 1)):]
def cut_out(data: bytearray, i, n, rng): del data[i:i + int(rng.integers(1, 40))]


def put_in(data: bytearray, i, n, rng): data[i:i] = bytes(rng.integers(0, 256, int(rng.integers(1, 40)), np.uint8))


def extreme_number(data: bytearray, i, n, rng):
    "Two or four bytes that mean an extreme number"
    value = int(rng.choice([0, 1, 2, 3, 255, 256, 32767, 32768, 65535, 2**31-1, 2**31, 2**32-1]))
    order = ('<', '>')[rng.integers(2)] if rng.random() < .5 else None
    data[i:i+4] = struct.pack(order + 'I', value) if order else struct.pack('>H', value & 0xFFFF)


def extreme_word(data: bytearray, i, n, rng):
    "Another word of text"
    if words := list(re.finditer(rb'[^\s(),:=]+', data[:n])):
        word = words[rng.integers(len(words))]
        data[word.start():word.end()] = EXTREME[rng.integers(len(EXTREME))]


def repeat_line(data: bytearray, i, n, rng):
    "A line again, elsewhere"
    lines = bytes(data[:n]).split(b'\n')
    j, k = rng.integers(len(lines), size=2)
    data[:n] = b'\n'.join(lines[:k] + [lines[j][:5000]] * int(rng.choice([1, 2, 300], p=[.6, .3, .1])) + lines[k:])


def drop_line(data: bytearray, i, n, rng):
    lines = bytes(data[:n]).split(b'\n')
    j, _ = rng.integers(len(lines), size=2)
    data[:n] = b'\n'.join(lines[:j] + lines[j + 1:])


CHANGES = (flip_bit, other_byte, cut_off, cut_out, put_in, extreme_number,  # of bytes; then those of text
           extreme_word, repeat_line, drop_line)


def mutated(data: bytes, rng, header: int, text=False):
    """`data` with one to three changes, most of them within its first `header` bytes, and to words and lines if these
    are `text`"""
    data = bytearray(data)
    for _ in range(int(rng.choice([1, 2, 3], p=[.7, .2, .1]))):
        n = max(1, min(header, len(data)) if rng.random() < .8 else min(len(data), 2**16))
        i, kind = int(rng.integers(n)), int(rng.integers(6, 9) if text and rng.random() < .6 else rng.integers(9))
        CHANGES[kind](data, i, n, rng)
    return bytes(data)


def in_place(data: bytes, rng, start=0, stop=None):
    "`data` with one to three bytes or numbers changed from `start` to `stop`, and nothing moved"
    data, stop = bytearray(data), len(data) if stop is None else stop
    for _ in range(int(rng.choice([1, 2, 3], p=[.7, .2, .1]))):
        i = int(rng.integers(start, max(stop, start + 1)))
        part = bytearray(data[i:i+4])
        (flip_bit, other_byte, extreme_number)[int(rng.integers(3))](part, 0, 1, rng)
        data[i:i+4] = part[:len(data[i:i+4])]
    return bytes(data)


def tiff_tags(data):
    "(first, last byte) of a TIFF's first list of tags"
    order = '<' if data[:2] == b'II' else '>'
    start, = struct.unpack_from(order + 'I', data, 4)
    count, = struct.unpack_from(order + 'H', data, start)
    return start + 2, start + 2 + 12*count


def changed_part(data, rng):
    "A PNG, in one of whose parts some bytes are changed, or that has this part twice, or no more"
    parts, where = [], 8
    while where + 12 <= len(data):
        stop = where + 12 + struct.unpack_from('>I', data, where)[0]
        parts.append(data[where:stop])
        where = stop
    k, how = int(rng.integers(len(parts))), rng.random()
    if how < .1: parts.insert(int(rng.integers(len(parts) + 1)), parts[k])
    elif how < .2: del parts[k]
    elif b'IDAT' in parts[k][:8] and how < .6: # what is unpacked
        packed = zlib.compress(mutated(zlib.decompress(parts[k][8:-4]), rng, 400))
        parts[k] = struct.pack('>I', len(packed)) + b'IDAT' + packed + bytes(4)
    elif len(parts[k]) > 12: parts[k] = in_place(parts[k], rng, 8, len(parts[k]) - 4)
    return data[:8] + b''.join(parts)


def mend_png(data):
    "The checksums of a PNG's parts made right"
    data, where = bytearray(data), 8
    while where + 12 <= len(data):
        stop = where + 8 + struct.unpack_from('>I', data, where)[0]
        if stop + 4 > len(data): break
        struct.pack_into('>I', data, stop, zlib.crc32(data[where+4:stop]))
        where = stop + 4
    return bytes(data)


def make_case(seeds, seed, i, folder: Path):
    "File number `i`: written into `folder`, with the files that it needs; (path, name of the file it comes from)"
    rng = np.random.default_rng([seed, i])
    name = sorted(seeds)[i % len(seeds)]
    first, *others = seeds[name]
    data = first.read_bytes()
    if data[:2] == b'\x1f\x8b' and rng.random() < .7: data = gzip.compress(mutated(gzip.decompress(data), rng, 400), 1)
    elif data[:4] == b'\x89PNG' and rng.random() < .7: data = mend_png(changed_part(data, rng))
    elif data[:2] in (b'II', b'MM') and rng.random() < .7: data = in_place(data, rng, *tiff_tags(data))
    elif data[:4] == b'NRRD': # whose header is all of an .nhdr
        end = data.find(b'\n\n')
        data = mutated(data, rng, end + 2 if end > 0 else len(data), text=True)
    elif data[:10] == b'ObjectType': data = mutated(data, rng, data.find(b'LOCAL') + 6
                                                    if b'LOCAL' in data else len(data), text=True)
    else: data = mutated(data, rng, 700)
    path = folder/f'{i}{"".join(first.suffixes[-2:] if first.name.endswith(".nii.gz") else first.suffixes[-1:])}'
    path.write_bytes(data)
    for other in others:
        content = other.read_bytes()
        (folder/(other.name if first.stem != 'pair' else f'{i}.img')).write_bytes(mutated(content, rng, len(content))
                                                                              if rng.random() < .1 else content)
    if not (folder/'pipe').exists(): os.mkfifo(folder/'pipe')
    return path, name


# -- Independent readers ----------------------------------------------------------------------------------------------

TYPES = {'short': 'i2', 'int16': 'i2', 'int16_t': 'i2', 'unsigned short': 'u2', 'ushort': 'u2', 'float': 'f4',
         'double': 'f8', 'uint8': 'u1', 'uchar': 'u1', 'int8': 'i1', 'int': 'i4', 'unsigned int': 'u4', 'uint': 'u4',
         'long long int': 'i8', 'unsigned long long int': 'u8'}


def nrrd_fields(head):
    "{name: value} of the lines of a NRRD's header"
    fields = {}
    for line in head.decode('latin1').split('\n')[1:]:
        key, _, value = line.partition(': ')
        if not line.startswith('#') and ':=' not in key: fields.setdefault(key.lower().replace(' ', ''), value.strip())
        if key.lower() in ('data file', 'datafile'): break
    return fields


def nrrd_parts(path, head, fields):
    "The content of each file that a NRRD's header names"
    name, *numbers = fields['datafile'].split()
    names = [fields['datafile']]
    if name == 'LIST':
        names = [n.strip() for n in head.decode().split('LIST', 1)[1].split('\n')[1:] if n.strip()]
    elif '%' in name:
        names = [name % k for k in range(int(numbers[0]), int(numbers[1]) + 1, int(numbers[2]))]
    return [(path.parent/n).read_bytes() for n in names]


def nrrd_truth(path):
    "(array, affine or None) of a NRRD, read as simply as that can be done"
    content = path.read_bytes()
    windows = 1 if b'\r\n' in content[:20] else 0
    head, _, data = content.replace(b'\r\n', b'\n', windows).partition(b'\n\n')
    fields = nrrd_fields(head)
    kind = fields['type'].lower().replace('signed char', 'int8').replace('unint8', 'uint8')
    kind = kind.replace('unsigned char', 'uint8')
    dtype = np.dtype(TYPES.get(kind, kind)).newbyteorder('>' if fields.get('endian', '').lower() == 'big' else '<')
    sizes = tuple(map(int, fields['sizes'].split()))
    parts = nrrd_parts(path, head, fields) if 'datafile' in fields else [data]
    n = int(np.prod(sizes))*dtype.itemsize//len(parts)
    skip, encoding = int(fields.get('byteskip', 0)), fields['encoding'].lower()
    def decoded(part):  # of one file
        for _ in range(int(fields.get('lineskip', 0))): part = part.partition(b'\n')[2]
        if encoding in ('gzip', 'gz'): part = zlib.decompress(part, 31)
        if encoding == 'hex': part = bytes.fromhex(part.decode())
        if encoding in ('ascii', 'text', 'txt'):
            part = np.array(part.split()[:n//dtype.itemsize], float).astype(dtype).tobytes()
        return part[len(part)-n:] if skip < 0 else part[skip:skip+n]
    return np.frombuffer(b''.join(map(decoded, parts)), dtype).reshape(sizes, order='F'), None


def metaimage_truth(path):
    "The same of a MetaImage"
    data, fields, end = path.read_bytes(), {}, 0
    for line in data.split(b'\n'):
        end += len(line) + 1
        key, _, value = re.match(r'\s*([^=:]*?)\s*([=:])(.*)', line.decode('latin1') + ' ' if re.search(rb'[=:]',
                                                                              line) else '=').groups()
        fields[key] = value.strip()
        if key == 'ElementDataFile': break
    kind = fields['ElementType'].removesuffix('_ARRAY').removeprefix('MET_')
    dtype = {'CHAR': 'i1', 'UCHAR': 'u1', 'SHORT': 'i2', 'USHORT': 'u2', 'INT': 'i4', 'UINT': 'u4', 'LONG': 'i4',
             'ULONG': 'u4', 'FLOAT': 'f4', 'DOUBLE': 'f8',
             'LONG_LONG': 'i8', 'ULONG_LONG': 'u8'}[kind]
    big = next((fields[k] for k in ('ElementByteOrderMSB', 'BinaryDataByteOrderMSB') if k in fields),
               'False').lower() in ('true', '1', 't')
    dtype, sizes = np.dtype(dtype).newbyteorder('>' if big else '<'), tuple(map(int, fields['DimSize'].split()))
    channels = int(fields.get('ElementNumberOfChannels', 1))
    sizes = (channels, *sizes) if channels > 1 else sizes
    name, rest = fields['ElementDataFile'], data[end:]
    n, skip = int(np.prod(sizes))*dtype.itemsize, int(fields.get('HeaderSize', 0))
    if name.startswith('LIST'):
        parts = [(path.parent/s.strip()).read_bytes() for s in rest.decode().split('\n') if s.strip()]
        rest, skip = b''.join(p[len(p)-n//len(parts):] if skip < 0 else p[skip:][:n//len(parts)] for p in parts), 0
    elif name.lower() != 'local': rest = (path.parent/name).read_bytes()
    if fields.get('CompressedData', '').lower() in ('true', '1', 't'): rest = zlib.decompressobj().decompress(rest)
    elif fields.get('BinaryData', 'True').lower() not in ('true', '1',
                                                          't'): rest = np.array(rest.split()[:n//dtype.itemsize],
                                                                                float).astype(dtype).tobytes()
    rest = rest[len(rest)-n:] if skip < 0 else rest[skip:skip+n]
    return np.frombuffer(rest, dtype).reshape(sizes, order='F'), None


def truth(path):
    "(array, affine or None) as another reader sees it; an exception where that cannot read the file"
    suffix = path.suffix
    if suffix in ('.nii', '.gz', '.hdr', '.mgz', '.mgh'):
        import nibabel as nib
        image = nib.load(path)
        # nibabel leaves the unit of length to its users
        unit = int(image.header['xyzt_units']) & 7 if isinstance(image.header, nib.Nifti1Header) else 2
        mm = np.diag([{1: 1000., 3: .001}.get(unit, 1.)]*3 + [1.]) # of metres, of micrometres
        return image.get_fdata(dtype=np.float64), mm @ image.affine
    if suffix in ('.nrrd', '.nhdr'): return nrrd_truth(path)
    if suffix in ('.mha', '.mhd'): return metaimage_truth(path)
    if suffix == '.dcm':
        import pydicom
        ds = pydicom.dcmread(path)
        return ds.pixel_array*float(ds.get('RescaleSlope', 1)) + float(ds.get('RescaleIntercept', 0)), None
    from PIL import Image
    with Image.open(path) as image: return np.asarray(image if image.mode not in ('P', 'RGBA', 'CMYK',
                                                                          'YCbCr') else image.convert('RGB')), None


def invented(path, x):
    "Whether a picture of shape `x` promises more than its file holds: PNG and uncompressed TIFF say how much they need"
    data = path.read_bytes()
    if data[:4] == b'\x89PNG':
        parts, where = b'', 8
        while where + 12 <= len(data):
            n, = struct.unpack_from('>I', data, where)
            if data[where+4:where+8] == b'IDAT': parts += data[where+8:where+8+n]
            where += 12 + n
        bits = data[24]*{0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[data[25]]
        return data[28] == 0 and len(zlib.decompress(parts)) < x.shape[1]*(1 + (x.shape[2]*bits + 7)//8)
    return path.suffix == '.tif' and x.nbytes//4 > len(data)*1000


# -- One file ---------------------------------------------------------------------------------------------------------

def verdict(path):
    "'refused', 'same', 'alone' (no other reader can read it), or what is wrong"
    from fastMONAI.images.image_io import ImageError, read_header, read_image
    try: header, (x, geometry) = read_header(path), read_image(path, nonfinite='keep')
    except ImageError as e:
        return 'refused' if str(e).startswith(str(path.parent)) and '\n' not in str(e) else f'WRONG message: {e}'
    except MemoryError: return 'WRONG takes more than its share of memory'
    except Exception as e: return f'WRONG {type(e).__name__}: {str(e)[:200]}'
    if (header.channels, *header.geometry.shape) != x.shape:
        return f'WRONG header says {header.channels}, {header.geometry.shape}, voxels are {x.shape}'
    try: y, affine = truth(path)
    except Exception: return 'alone'
    if invented(path, x): return f'WRONG pixels are invented: {x.shape}'
    if affine is not None and not np.allclose(affine, geometry.affine, equal_nan=True):
        return f'WRONG affine: {geometry.affine.tolist()} is {affine.tolist()}'
    # axes may be arranged in another way: channels first or last
    a, b = np.squeeze(x), np.squeeze(y.astype(np.float32))
    ways = [b, *(np.moveaxis(b, i, j) for i, j in ((-1, 0), (0, -1)) if b.ndim > 1)]
    if any(a.shape == w.shape and np.allclose(a, w, rtol=1e-4, atol=1e-3, equal_nan=True) for w in ways): return 'same'
    return f'WRONG voxels: {a.shape}, {b.shape}' + (f', {int((a != b).sum())} differ' if a.shape == b.shape else '')


def work(pipe, seeds, seed):
    "A child: reads the files whose numbers it is sent, until it is sent none"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path('/proc/self/statm').read_text().split()[0]) if Path('/proc/self/statm').exists() else 0
    if pages: resource.setrlimit(resource.RLIMIT_AS, (pages*resource.getpagesize() + MEMORY,)*2)
    warnings.simplefilter('ignore')
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what C libraries say
    with np.errstate(all='ignore'):
        while (i := pipe.recv()) is not None:
            with tempfile.TemporaryDirectory() as folder:
                path, name = make_case(seeds, seed, i, Path(folder))
                try: pipe.send((name, verdict(path)))
                except Exception as e: pipe.send((name, f'WRONG in this script, {type(e).__name__}: {e}'))


class Child:
    "A forked worker, started anew when it has died"
    def __init__(self, *args): self.args, self.process = args, None

    def read(self, i):
        "(name of the seed, verdict) of file `i`"
        if self.process is None:
            context = multiprocessing.get_context('fork')
            self.pipe, other = context.Pipe()
            self.process = context.Process(target=work, args=(other, *self.args), daemon=True)
            self.process.start()
            other.close()
        self.pipe.send(i)
        try:
            if self.pipe.poll(SECONDS): return self.pipe.recv()
            found = f'HANG: over {SECONDS} s'
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            found = f'CRASH: {signal.Signals(-code).name if code and code < 0 else code}'
        self.process.kill()
        self.process.join()
        self.process = None
        return sorted(self.args[0])[i % len(self.args[0])], found

    def end(self):
        if self.process is not None: self.pipe.send(None); self.process.join()


def fuzz(n: int, seed: int = 0, first: int = 0, seconds: float = 1e9):
    "Read `n` mutated files; (counts by verdict, list of what is wrong). Ends early after `seconds`."
    import fastMONAI.images.image_io  # noqa: F401 -- before the memory of those that are forked is bounded
    counts, wrong, start = Counter(), [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        child = Child(seed_files(Path(folder)), seed)
        for i in range(first, first + n):
            if time.monotonic() - start > seconds: break
            name, found = child.read(i)
            counts[found.split(':')[0].split(' ')[0]] += 1
            if found[0].isupper(): wrong.append(f'{i} {name}: {found}')
        child.end()
    return counts, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--n', type=int, default=1000, help='how many files')
    parser.add_argument('--first', type=int, default=0, help='number of the first')
    parser.add_argument('--seed', type=int, default=0, help='of the mutations')
    parser.add_argument('--seconds', type=float, default=1e9, help='end after so long')
    parser.add_argument('--keep', type=Path, help='only write file number --first into this folder')
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder: return print(*make_case(seed_files(Path(folder)), args.seed,
                                                                              args.first, args.keep))
    start = time.monotonic()
    counts, wrong = fuzz(args.n, args.seed, args.first, args.seconds)
    print(*wrong, sep='\n')
    print(f'{counts.total()} files in {time.monotonic() - start:.0f} s:', ', '.join(f'{n} {what}' for what,
                                                                          n in sorted(counts.items())))
    return bool(wrong)


if __name__ == '__main__': sys.exit(main())
