/* interrupt.exe FILE PROGRAM ARGUMENT...: starts a program, sends it a Ctrl-Break once FILE exists, and ends with its
   status. Ctrl-Break, since Ctrl-C cannot be sent to one group of processes alone. */
#include <windows.h>
#include <stdio.h>
#include <wchar.h>

int wmain(int count, wchar_t **arguments) {
    wchar_t line[4096] = L"";
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    DWORD status;
    /* The event goes to a console, which Wine gives to nobody who was started without a terminal. */
    AllocConsole();
    for (int i = 2; i < count; i++) {
        wcscat(line, L"\"");
        wcscat(line, arguments[i]);
        wcscat(line, L"\" ");
    }
    if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, CREATE_NEW_PROCESS_GROUP, NULL, NULL, &start, &process))
        return 99;
    for (int tries = 0; GetFileAttributesW(arguments[1]) == INVALID_FILE_ATTRIBUTES; tries++) {
        if (tries > 600 || WaitForSingleObject(process.hProcess, 50) == WAIT_OBJECT_0)
            return 98;
    }
    if (!GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, process.dwProcessId))
    {
        TerminateProcess(process.hProcess, 1);
        return 97;
    }
    if (WaitForSingleObject(process.hProcess, 20000) != WAIT_OBJECT_0)
        return 96;
    GetExitCodeProcess(process.hProcess, &status);
    return status;
}
