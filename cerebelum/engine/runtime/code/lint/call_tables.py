"""Functions that workflow code may not call, by their full names. "library.*": all of it.

What the engine intercepts (time, dates, randomness, UUIDs, `asyncio.sleep`) is not here: it is deterministic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def _named(module: str, names: str) -> Iterator[str]:
    return (f"{module}.{name}" for name in names.split())


_IO = (
    *_named("builtins", "open input"),
    *_named("io", "open open_code"),
    *_named("os", "open listdir scandir walk mkdir makedirs remove unlink rename replace rmdir removedirs stat lstat "
            "chmod chown link symlink readlink truncate utime access"),
    *_named("os.path", "exists lexists isfile isdir islink getsize getmtime getctime getatime realpath"),
    *_named("shutil", "copy copy2 copyfile copyfileobj copytree move rmtree disk_usage which make_archive unpack_archive"),
    *_named("glob", "glob iglob"), "tempfile.*", "fileinput.*",
    *_named("socket", "socket create_connection create_server socketpair getaddrinfo gethostbyname gethostbyname_ex "
            "gethostbyaddr getnameinfo getfqdn"),
    *_named("urllib.request", "urlopen urlretrieve"),
    *_named("http.client", "HTTPConnection HTTPSConnection"),
    *_named("requests", "get post put patch delete head options request session Session"),
    *_named("httpx", "get post put patch delete head options request stream Client"),
    *_named("urllib3", "request PoolManager"),
    *_named("smtplib", "SMTP SMTP_SSL"), *_named("imaplib", "IMAP4 IMAP4_SSL"), *_named("ftplib", "FTP FTP_TLS"),
    *_named("sqlite3", "connect"), *_named("psycopg", "connect"), *_named("psycopg2", "connect"),
    *_named("pymysql", "connect"), *_named("pymongo", "MongoClient"), *_named("redis", "Redis StrictRedis from_url"),
    *_named("boto3", "client resource Session"), *_named("paramiko", "SSHClient Transport"),
    *_named("sqlalchemy", "create_engine"), *_named("openai", "OpenAI"), *_named("anthropic", "Anthropic"),
)  # fmt: skip
_THREADS = (
    *_named("threading", "Thread Timer"), *_named("_thread", "start_new_thread start_new"),
    *_named("concurrent.futures", "ThreadPoolExecutor ProcessPoolExecutor"),
    *_named("concurrent.futures.thread", "ThreadPoolExecutor"),
    *_named("concurrent.futures.process", "ProcessPoolExecutor"),
    *_named("multiprocessing", "Process Pool Manager Queue Pipe"),
    *_named("multiprocessing.pool", "Pool ThreadPool"),
    *_named("subprocess", "run call check_call check_output Popen getoutput getstatusoutput"),
    *_named("os", "system popen fork forkpty posix_spawn posix_spawnp startfile execv execve execl execlp execvp "
            "spawnv spawnve spawnvp spawnl spawnlp"),
)  # fmt: skip
_FOREIGN = (
    *_named("asyncio", "to_thread open_connection start_server open_unix_connection start_unix_server "
            "create_subprocess_exec create_subprocess_shell run run_coroutine_threadsafe"),
    *_named("httpx", "AsyncClient"), *_named("redis.asyncio", "Redis from_url"),
    *_named("asyncpg", "connect create_pool"), *_named("aiosqlite", "connect"), *_named("websockets", "connect serve"),
    *_named("sqlalchemy.ext.asyncio", "create_async_engine"), *_named("psycopg", "AsyncConnection.connect"),
    *_named("openai", "AsyncOpenAI"), *_named("anthropic", "AsyncAnthropic"),
    "aiohttp.*", "aiofiles.*", "anyio.*", "trio.*", "motor.*", "aioboto3.*", "aiokafka.*", "asyncssh.*",
)  # fmt: skip
_PROCESS = (
    *_named("builtins", "id hash"), *_named("os", "getenv getpid getppid getcwd cpu_count getlogin uname"),
    *_named("socket", "gethostname"), *_named("platform", "node platform system machine"), *_named("uuid", "getnode"),
    *_named("getpass", "getuser"), *_named("threading", "get_ident get_native_id"), *_named("pathlib", "Path.cwd Path.home"),
)  # fmt: skip

FORBIDDEN: Mapping[str, str] = {
    **dict.fromkeys(_IO, "CB512"),
    **dict.fromkeys(_THREADS, "CB513"),
    **dict.fromkeys(_FOREIGN, "CB516"),
    **dict.fromkeys(_PROCESS, "CB518"),
}

# Of objects whose type is not known; the names are characteristic enough.
FOREIGN_METHODS = frozenset({"run_in_executor", "run_until_complete", "create_datagram_endpoint", "sock_recv", "sock_sendall",
                             "sock_connect", "subprocess_exec", "subprocess_shell"})  # fmt: skip
PATH_METHODS = frozenset({
    "read_text", "read_bytes", "write_text", "write_bytes", "open", "exists", "is_file", "is_dir", "iterdir",
    "glob", "rglob", "walk", "mkdir", "rmdir", "unlink", "touch", "rename", "replace", "stat", "lstat",
    "resolve", "symlink_to", "hardlink_to", "chmod",
})  # fmt: skip
