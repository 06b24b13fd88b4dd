# To be sourced: where the tree is built.

# requirements TABLE...: what pyproject.toml lists there, one a line: build, or the name of an extra.
requirements() {
    "${PYTHON:-python3}" - "$@" <<'PYTHON'
import sys
import tomllib

with open("pyproject.toml", "rb") as file:
    asked = tomllib.load(file)
tables = {"build": asked["build-system"]["requires"], **asked["project"]["optional-dependencies"]}
for name in sys.argv[1:]:
    print(*tables[name], sep="\n")
PYTHON
}

# copy_to FOLDER: the tracked and the new files. Nothing ignored goes with them: objects of another build would
# pass for new ones, and a sanitizer saw nothing of them.
copy_to() {
    mkdir -p "$1"
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            if [[ -e $file ]]; then printf '%s\0' "$file"; fi
        done |
        tar --create --null --files-from=- | tar --extract --directory="$1"
}

# workplace FOLDER: a copy of the sources, FOLDER/tree, since another build of the same tree would leave its
# objects; and a virtual environment, FOLDER/venv, in which `pip --no-build-isolation` builds it. In one that
# was used before, only what has changed is copied. READY in the environment is a workplace to begin with,
# with packages installed and .pyx files translated.
workplace() {
    local needs
    mkdir -p "$1"
    if [[ ! -d $1/venv && -n ${READY:-} ]]; then cp -a "$READY/." "$1"; fi
    copy_to "$1/tree"
    if [[ ! -d $1/venv ]]; then
        "${PYTHON:-python3}" -m venv "$1/venv"
        mapfile -t needs < <(requirements build)
        "$1/venv/bin/python" -m pip install --quiet "${needs[@]}"
    fi
}

# environment FOLDER [EXTRA]: a new virtual environment, FOLDER/venv, with the package and just this extra; and a
# copy of the sources, FOLDER/tree. WHEEL in the environment is the package, built already.
environment() {
    local wheel=${WHEEL:-}
    if [[ -z $wheel ]]; then
        workplace "$1/build"
        wheel=$(built "$1/build")
    fi
    copy_to "$1/tree"
    "${PYTHON:-python3}" -m venv "$1/venv"
    "$1/venv/bin/python" -m pip install --quiet "$wheel${2:+[$2]}"
}

# built WORKPLACE: builds the package there, and prints the wheel's path.
built() {
    (
        cd "$1/tree"
        "$1/venv/bin/python" -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir "$1/wheel" . >&2
    )
    echo "$1"/wheel/cbackprop-*.whl
}
