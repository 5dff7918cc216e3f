"""The rules: which names of Python and its packages a replay would not see the same, why, and what to use instead.

Tables, and nothing else: how a name is found in the source is decided in names.py, what an object is in kinds.py, what
counts as a use in examine.py. Only what acts is listed: `requests.get`, not `requests.HTTPError`.
"""

from msgspec import Struct
from msgspec.structs import replace


class Rule(Struct, frozen=True):
    """`because` follows the name of what was found, `instead` follows "use"."""

    id: str
    because: str
    instead: str


CLOCK = Rule("clock", "reads the clock, which shows another time in a replay", "now()")
RANDOM = Rule("random", "gives another value in a replay", "random(), uuid4() or a step")
IO = Rule("io", "reaches outside of the run, once more in each replay", "a step")
BLOCKING = Rule("blocking", "blocks the worker with all its runs", "a step")
ENVIRONMENT = Rule("environment", "may differ where the run is replayed", "an argument of the workflow, or a step")
SET_ORDER = Rule("set-order", "gives its members in another order in a replay", "sorted(…), or a list or dict")
ASYNCIO_ORDER = Rule("asyncio-order", "walks a set of tasks, in another order in a replay", "perdure.wait()")
THREADS = Rule("threads", "leaves the loop that a replay repeats", "a step: a sync step runs in a thread")
IDENTITY = Rule("identity", "differs from process to process", "a key of your own")
UNAWAITED = Rule("unawaited", "isn't awaited: it doesn't happen, or nobody waits for it", "await …")
GLOBAL_STATE = Rule(
    "global-state", "is repeated by a replay, and seen by other runs", "a local variable, an argument or a step"
)


def _table(*rows: tuple[Rule, str, str]) -> dict[str, Rule]:
    """From rows of a rule, a prefix and names."""
    return {name: rule for rule, prefix, names in rows for name in _names(prefix, names)}


def _names(prefix: str, names: str) -> list[str]:
    return [f"{prefix}{name}" for name in names.split()]


# Calls, by their full name.
CALLS = _table(
    (
        CLOCK,
        "time.",
        """time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time
        thread_time_ns clock_gettime clock_gettime_ns localtime gmtime ctime asctime strftime""",
    ),
    (CLOCK, "datetime.", "datetime.now datetime.utcnow datetime.today date.today"),
    (CLOCK, "", "arrow.now arrow.utcnow pendulum.now pendulum.today pandas.Timestamp.now django.utils.timezone.now"),
    (
        RANDOM,
        "random.",
        """random randint randrange choice choices sample shuffle uniform triangular gauss normalvariate
        lognormvariate expovariate betavariate gammavariate paretovariate weibullvariate vonmisesvariate
        binomialvariate getrandbits randbytes seed Random SystemRandom""",
    ),
    (RANDOM, "secrets.", "token_bytes token_hex token_urlsafe choice randbelow randbits SystemRandom"),
    (RANDOM, "", "uuid.uuid1 uuid.uuid4 uuid.uuid6 uuid.uuid7 os.urandom os.getrandom ulid.ULID ulid.new"),
    (
        RANDOM,
        "numpy.random.",
        """rand randn randint random random_sample random_integers choice shuffle permutation bytes seed uniform normal
        standard_normal exponential poisson binomial beta gamma default_rng RandomState""",
    ),
    (IO, "", "builtins.open io.open codecs.open tokenize.open aiofiles.open glob.glob glob.iglob webbrowser.open"),
    (
        IO,
        "os.",
        """access chdir chmod chown close copy_file_range fdopen fork forkpty fsync ftruncate kill killpg link listdir
        lstat makedirs mkdir mkfifo open pipe popen putenv read readlink remove removedirs rename renames replace rmdir
        scandir sendfile stat statvfs symlink system truncate unlink unsetenv utime walk fwalk write posix_spawn
        posix_spawnp execl execle execlp execlpe execv execve execvp execvpe spawnl spawnle spawnv spawnve startfile""",
    ),
    (
        IO,
        "os.path.",
        "exists lexists isfile isdir islink ismount getsize getmtime getctime getatime realpath samefile",
    ),
    (
        IO,
        "shutil.",
        """copy copy2 copyfile copyfileobj copymode copystat copytree rmtree move disk_usage which make_archive
        unpack_archive chown""",
    ),
    (IO, "tempfile.", "mkstemp mkdtemp TemporaryFile NamedTemporaryFile TemporaryDirectory"),
    (IO, "subprocess.", "run call check_call check_output getoutput getstatusoutput Popen"),
    (
        IO,
        "socket.",
        """socket socketpair create_connection create_server getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr
        getnameinfo getfqdn""",
    ),
    (
        IO,
        "asyncio.",
        "open_connection start_server open_unix_connection create_subprocess_exec create_subprocess_shell",
    ),
    (IO, "requests.", "get post put patch delete head options request Session session"),
    (IO, "httpx.", "get post put patch delete head options request stream Client AsyncClient"),
    (IO, "", "aiohttp.ClientSession aiohttp.request urllib3.PoolManager urllib3.request"),
    (
        IO,
        "",
        "urllib.request.urlopen urllib.request.urlretrieve http.client.HTTPConnection http.client.HTTPSConnection",
    ),
    (IO, "", "smtplib.SMTP smtplib.SMTP_SSL ftplib.FTP imaplib.IMAP4 imaplib.IMAP4_SSL poplib.POP3 poplib.POP3_SSL"),
    (IO, "", "sqlite3.connect aiosqlite.connect apsw.Connection asyncpg.connect asyncpg.create_pool pymysql.connect"),
    (IO, "", "psycopg.connect psycopg.AsyncConnection.connect psycopg2.connect boto3.client boto3.resource"),
    (IO, "", "redis.Redis redis.from_url redis.asyncio.Redis redis.asyncio.from_url"),
    (replace(BLOCKING, instead="await sleep(…)"), "", "time.sleep"),
    (replace(BLOCKING, instead="a hook, or a step"), "", "builtins.input getpass.getpass"),
    (replace(BLOCKING, instead="await"), "", "asyncio.run"),
    (BLOCKING, "", "select.select signal.pause concurrent.futures.wait"),
    (ENVIRONMENT, "os.", "getenv getenvb getcwd getcwdb getpid getppid getlogin getuid cpu_count uname getloadavg"),
    (ENVIRONMENT, "", "os.path.expanduser os.path.expandvars pathlib.Path.cwd pathlib.Path.home tempfile.gettempdir"),
    (ENVIRONMENT, "", "socket.gethostname platform.node platform.uname getpass.getuser"),
    (ASYNCIO_ORDER, "", "asyncio.wait"),
    (replace(ASYNCIO_ORDER, instead="perdure.as_completed()"), "", "asyncio.as_completed"),
    (THREADS, "", "asyncio.to_thread threading.Thread threading.Timer _thread.start_new_thread"),
    (THREADS, "", "concurrent.futures.ThreadPoolExecutor concurrent.futures.ProcessPoolExecutor"),
    (THREADS, "", "multiprocessing.Process multiprocessing.Pool multiprocessing.Manager"),
    (THREADS, "", "anyio.to_thread.run_sync anyio.to_process.run_sync"),
    (IDENTITY, "builtins.", "id hash"),
)

# Calls of what must be awaited, by their full name.
AWAITED = {
    *_names("perdure.", "sleep race wait start resume_hook get_hook find_run set_attributes"),
    *_names("asyncio.", "sleep wait_for gather"),
}

# With so many arguments or more, a call depends on nothing else.
SETTLED_BY_ARGUMENTS = {
    "time.localtime": 1,
    "time.gmtime": 1,
    "time.ctime": 1,
    "time.asctime": 1,
    "time.strftime": 2,
    "random.Random": 1,
    "numpy.random.default_rng": 1,
    "numpy.random.RandomState": 1,
    "ulid.ULID": 1,
}

# Values, by their full name: reading them is enough.
VALUES = _table((ENVIRONMENT, "", "os.environ os.environb sys.argv sys.orig_argv"), (IO, "", "sys.stdin"))

# What a call makes, where its methods matter.
KINDS = {
    "builtins.set": "set",
    "builtins.frozenset": "set",
    "builtins.str": "str",
    "builtins.repr": "str",
    "builtins.bytes": "bytes",
    "pathlib.Path": "Path",
    "pathlib.PosixPath": "Path",
    "threading.Lock": "Lock",
    "threading.RLock": "Lock",
    "threading.Condition": "Lock",
    "threading.Semaphore": "Lock",
    "threading.BoundedSemaphore": "Lock",
    "threading.Event": "Event",
    "queue.Queue": "Queue",
    "queue.SimpleQueue": "Queue",
    "queue.PriorityQueue": "Queue",
    "queue.LifoQueue": "Queue",
    "asyncio.get_running_loop": "loop",
    "asyncio.get_event_loop": "loop",
    "perdure.get_writable": "Writable",
    "perdure.create_hook": "Hook",
    "perdure.create_webhook": "Hook",
    "perdure.define_hook": "HookDefinition",
    "perdure.get_run": "Run",
    "perdure.agent.DurableAgent": "DurableAgent",
    **{f"builtins.{name}": name for name in ("list", "dict")},
    **{f"collections.{name}": name for name in ("defaultdict", "deque", "Counter", "OrderedDict")},
    "itertools.count": "count",
}

# What awaiting a call gives.
AWAITED_KINDS = {"perdure.start": "Run"}

# Kinds that hold others, and the methods by which these are changed.
CONTAINERS = {"set", "list", "dict", "defaultdict", "deque", "Counter", "OrderedDict"}
CHANGES = {
    *_names(
        "",
        """append appendleft extend extendleft insert add update setdefault pop popitem popleft remove discard clear sort
    reverse rotate subtract difference_update intersection_update symmetric_difference_update move_to_end""",
    ),
}

# What an annotation promises.
ANNOTATED_KINDS = {
    "builtins.set": "set",
    "builtins.frozenset": "set",
    "typing.Set": "set",
    "typing.FrozenSet": "set",
    "builtins.list": "list",
    "builtins.dict": "dict",
    "builtins.str": "str",
    "builtins.bytes": "bytes",
    "pathlib.Path": "Path",
    "perdure.Writable": "Writable",
    "perdure.Hook": "Hook",
    "perdure.Run": "Run",
}

# Methods, by the kind of their object.
METHODS = _table(
    (SET_ORDER, "set.", "pop"),
    (
        IO,
        "Path.",
        """read_text read_bytes write_text write_bytes open mkdir rmdir unlink rename replace touch exists is_file
        is_dir is_symlink is_mount iterdir glob rglob walk stat lstat chmod resolve samefile readlink symlink_to
        hardlink_to owner group""",
    ),
    (ENVIRONMENT, "Path.", "expanduser"),
    (replace(BLOCKING, instead="asyncio.Lock"), "Lock.", "acquire wait"),
    (replace(BLOCKING, instead="asyncio.Event"), "Event.", "wait"),
    (replace(BLOCKING, instead="asyncio.Queue"), "Queue.", "get put join"),
    (THREADS, "loop.", "run_in_executor"),
)

# Methods of what must be awaited, by the kind of their object.
AWAITED_METHODS = {
    *_names("Writable.", "write write_from drain close"),
    *_names("Hook.", "dispose"),
    *_names("HookDefinition.", "get resume"),
    *_names("Run.", "result status info cancel wake_up retry repin rerun fork stream_info"),
    *_names("DurableAgent.", "stream generate converse"),
}
