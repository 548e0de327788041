// Finds what the addon needs of Node in whichever program runs it: an import of node.exe by name fails where that
// program has another name (Electron, packaged applications). host-jumps.mjs generates the two tables, and a jump
// through each slot.
#include <windows.h>

extern FARPROC host_slots[];
extern const char host_names[];  // each ends with a zero byte, the last one with two

BOOL WINAPI DllMain(HINSTANCE library, DWORD reason, LPVOID reserved) {
  (void)library;
  (void)reserved;
  if (reason != DLL_PROCESS_ATTACH) return TRUE;
  const HMODULE host = GetModuleHandleW(NULL);
  FARPROC* slot = host_slots;
  for (const char* name = host_names; *name != '\0'; name += lstrlenA(name) + 1) {
    *slot = GetProcAddress(host, name);
    // The library is refused: ERR_DLOPEN_FAILED, rather than a crash later.
    if (*slot++ == NULL) return FALSE;
  }
  return TRUE;
}
