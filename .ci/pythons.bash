# To be sourced: where the commands of this folder find their Pythons.

# python_of VERSION: an interpreter of that version, from PATH or from pyenv, that really starts and
# can make virtual environments. VERSION ends in t where the Python is to be without the lock, in d
# where it is to be a debug build, as its own name does: python3.14t.
python_of() {
    local candidate about='import ensurepip, sys, venv; print("%d.%d" % sys.version_info[:2] + sys.abiflags)'
    for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/"${1%%[td]*}".*/bin/"python$1"; do
        if [[ $("$candidate" -c "$about" 2>/dev/null) == "$1" ]]; then
            command -v "$candidate"
            return
        fi
    done
}
