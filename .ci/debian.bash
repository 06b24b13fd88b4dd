# To be sourced: packages of Debian's that are fetched and unpacked, not installed.

# apt STATE ARCH SOURCE COMMAND: apt-get with a state of its own, in the folder STATE, as if for a
# machine ARCH with nothing installed. SOURCE is 'deb SUITE' or 'deb-src SUITE'. It finds what the
# packages need, and checks the signature on the list of packages and each file's sum, which a
# download of our own would have to do again.
apt() {
    mkdir -p "$1"/{lists,archives}/partial "$1"/etc/preferences.d
    : >"$1/status"
    echo "${3% *} [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
        "http://deb.debian.org/debian ${3#* } main" >"$1/etc/sources.list"
    # The sandbox's user may not enter a temporary folder of root's.
    apt-get -q -o APT::Architecture="$2" -o APT::Architectures::="$2" -o Dir::Etc="$1/etc" \
        -o Dir::State="$1" -o Dir::State::status="$1/status" -o Dir::Cache="$1" \
        -o Dir::Log="$1" -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false \
        -o APT::Update::Error-Mode=any -o Acquire::Languages=none -o Acquire::Retries=2 "${@:4}"
}

# unpack FOLDER PACKAGE...: the packages' files, as they would lie on a machine with that root.
unpack() {
    local package folder
    mkdir -p "$1/usr/lib64"
    for package in "${@:2}"; do dpkg-deb --extract "$package" "$1"; done
    # A package that is only unpacked has not the links that stand for /usr's folders.
    for folder in bin lib lib64; do [[ -e $1/$folder ]] || ln -s "usr/$folder" "$1/$folder"; done
}
