"""Downloads models, or finds them in the cache: python download.py HF://user/repo..."""

import logging
import sys

import mlc_weights


def main(urls: list[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    for url in urls:
        try:
            model = mlc_weights.download(url)
        except mlc_weights.MlcWeightsError as error:
            # The message has already been logged.
            return 75 if error.transient else 1
        print(model.path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
