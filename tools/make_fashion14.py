"""Make the data set that ships with commonweight: Fashion-MNIST, a balanced 10,000 + 10,000 images, reduced to 14 x 14.

The source is a folder with the four files of Fashion-MNIST, as in Debian's package dataset-fashion-mnist.
"""

import argparse
from pathlib import Path

import commonweight.images
from commonweight.errors import DataError
from commonweight.images import read_idx_directory, subset
from commonweight.images.embedded import FASHION14, FASHION14_CLASSES, pack

SOURCE = Path("/usr/share/datasets/fashion-mnist")
OUT = Path(commonweight.images.__file__).parent / FASHION14


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=SOURCE, help="folder of the four IDX files (%(default)s)")
    parser.add_argument("--out", type=Path, default=OUT, help="the file to write (%(default)s)")
    arguments = parser.parse_args()
    try:
        raw = read_idx_directory(arguments.source, classes=FASHION14_CLASSES)
        small = subset(raw, train_images=10_000, validation_images=10_000, resize=14)
    except DataError as error:
        parser.error(str(error))
    packed = pack(small)
    arguments.out.write_bytes(packed)
    print(f"{arguments.out}: {len(packed)} bytes, fingerprint {small.fingerprint}")


if __name__ == "__main__":
    main()
