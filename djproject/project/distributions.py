"""What to install for a name that code imports."""

import sys

from djproject.project.location import Project

# Only where the two differ by more than case, '-' and '_', which pip does not tell apart.
DISTRIBUTION_BY_IMPORT = {
    "Bio": "biopython",
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "ScanImageTiffReader": "scanimage-tiff-reader",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cairo": "pycairo",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "ffmpeg": "ffmpeg-python",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "imblearn": "imbalanced-learn",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "osgeo": "GDAL",
    "pkg_resources": "setuptools",
    "psycopg2": "psycopg2-binary",
    "pylab": "matplotlib",
    "pywt": "PyWavelets",
    "ruamel": "ruamel.yaml",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skvideo": "scikit-video",
    "umap": "umap-learn",
    "usb": "pyusb",
    "wx": "wxPython",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}


def distribution_of(import_name: str) -> str:
    """The distribution to install so that `import import_name` works; the name itself where no other is known.

    Examples
    --------
    >>> distribution_of("sklearn.linear_model"), distribution_of("scipy")
    ('scikit-learn', 'scipy')
    """
    top = import_name.partition(".")[0]
    return DISTRIBUTION_BY_IMPORT.get(top, top)


def missing_library(project: Project, error: Exception) -> str:
    """The library that an import failed for because it is not installed; empty where the error is another one.

    Parameters
    ----------
    project
        Its own modules, and files beside them, are not libraries: nothing of their name is to be installed.
    error
        What importing a module of the project raised.
    """
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return ""
    top = error.name.partition(".")[0]
    folders = (project.root, project.import_root, project.source)
    own = top == project.package or any((folder / name).exists() for folder in folders for name in (top, f"{top}.py"))
    return "" if own or top in sys.stdlib_module_names or top in sys.modules else top
