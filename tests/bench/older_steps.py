"""What huggingface_hub's `Repository` does in one measured process.

Run as a file, by a Python that has huggingface_hub 0.36 and nothing of this project.
"""

import json
import sys
import time
import warnings

warnings.simplefilter("ignore")

from huggingface_hub import Repository  # noqa: E402


def main() -> None:
    step, *arguments = sys.argv[1:]
    if step == "clone":
        began = time.perf_counter()
        Repository(arguments[1], clone_from=arguments[0], token=False)
    else:
        repo = Repository(arguments[0], token=False)
        if step == "add_and_commit":
            began = time.perf_counter()
            repo.git_add(auto_lfs_track=True)
            repo.git_commit("Measure")
        else:
            began = time.perf_counter()
            repo.git_push()
    sys.stdout.write("\n" + json.dumps({"seconds": time.perf_counter() - began}) + "\n")


if __name__ == "__main__":
    main()
