/* git.exe for programs in Wine: has the git of the system do it. Wine gives its pipes to no program of the system, so
   what goes in and comes out is in files meanwhile. */
#include <windows.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

typedef LONG CDECL spawn_function(char *const arguments[], int wait);
typedef char *CDECL unix_name_function(const WCHAR *name);

static unix_name_function *unix_name;

static void copy(HANDLE from, HANDLE to) {
    static char block[65536];
    DWORD count, written;
    while (ReadFile(from, block, sizeof block, &count, NULL) && count)
        if (!WriteFile(to, block, count, &written, NULL))
            break;
}

static char *narrow(const WCHAR *text) {
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *result = malloc(size);
    WideCharToMultiByte(CP_UTF8, 0, text, -1, result, size, NULL, NULL);
    return result;
}

/* A path is a whole argument, or what follows `=`. */
static char *translated(const WCHAR *text) {
    const WCHAR *sign = wcschr(text, '='), *path = sign ? sign + 1 : text;
    char *start, *end, *result;
    if (!wcscmp(path, L"NUL"))
        end = "/dev/null";
    else if (iswalpha(path[0]) && path[1] == ':' && wcschr(L"\\/", path[2]) && !wcschr(path, ';'))
        end = unix_name(path);
    else
        return narrow(text);
    start = narrow(text);
    start[strlen(start) - strlen(narrow(path))] = 0;
    result = malloc(strlen(start) + strlen(end) + 1);
    return strcat(strcpy(result, start), end);
}

static HANDLE temporary(WCHAR *name, DWORD creation) {
    WCHAR folder[MAX_PATH];
    if (creation == CREATE_ALWAYS) {
        GetTempPathW(MAX_PATH, folder);
        GetTempFileNameW(folder, L"git", 0, name);
    }
    return CreateFileW(name, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       creation, FILE_ATTRIBUTE_NORMAL, NULL);
}

int wmain(int count, WCHAR **arguments) {
    static char *line[2000];
    static WCHAR names[3][MAX_PATH], here[MAX_PATH];
    const DWORD streams[3] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};
    spawn_function *spawn = (void *)GetProcAddress(GetModuleHandleA("ntdll"), "__wine_unix_spawnvp");
    WCHAR *variable = GetEnvironmentStringsW();
    int i, next = 0;
    LONG status;
    HANDLE file;

    unix_name = (void *)GetProcAddress(GetModuleHandleA("kernel32"), "wine_get_unix_file_name");
    if (!spawn || !unix_name)
        return 99;
    if (count == 2 && !wcscmp(arguments[1], L"--exec-path")) {
        GetModuleFileNameW(NULL, here, MAX_PATH);
        *wcsrchr(here, '\\') = 0;
        printf("%s\n", narrow(here));
        return 0;
    }
    line[next++] = "/bin/sh";
    line[next++] = "-c";
    line[next++] = "cd \"$1\" && in=$2 out=$3 err=$4 && shift 4 && exec env -i \"$@\" <\"$in\" >\"$out\" 2>\"$err\"";
    line[next++] = "git";
    GetCurrentDirectoryW(MAX_PATH, here);
    line[next++] = unix_name(here);
    for (i = 0; i < 3; i++) {
        file = temporary(names[i], CREATE_ALWAYS);
        if (i == 0)
            copy(GetStdHandle(streams[i]), file);
        CloseHandle(file);
        line[next++] = unix_name(names[i]);
    }
    for (; *variable && next < 1000; variable += wcslen(variable) + 1)
        if (*variable != '=')
            line[next++] = translated(variable);
    line[next++] = "PATH=/usr/local/bin:/usr/bin:/bin";
    line[next++] = "git";
    for (i = 1; i < count && next < 1999; i++)
        line[next++] = translated(arguments[i]);
    status = spawn(line, 1);
    for (i = 0; i < 3; i++) {
        file = temporary(names[i], OPEN_EXISTING);
        if (i > 0)
            copy(file, GetStdHandle(streams[i]));
        CloseHandle(file);
        DeleteFileW(names[i]);
    }
    return status;
}
