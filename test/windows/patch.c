// Replaces what a module exports.
#include "hook.h"

#include <string.h>

#define JUMP_SIZE 12

// mov rax, target; jmp rax
static void write_jump(unsigned char* at, const void* target) {
  static const unsigned char jump[JUMP_SIZE] = {0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xe0};
  memcpy(at, jump, sizeof jump);
  memcpy(at + 2, &target, sizeof target);
}

// Memory behind a module that its export table can point to.
static unsigned char* room_behind(unsigned char* base) {
  unsigned char* at;
  for (at = base + 0x100000; at < base + 0x70000000; at += 0x10000) {
    unsigned char* room = VirtualAlloc(at, 0x1000, MEM_RESERVE | MEM_COMMIT, PAGE_EXECUTE_READWRITE);
    if (room != NULL) return room;
  }
  return NULL;
}

int replace_export(HMODULE module, const char* wanted, const void* target) {
  unsigned char* base = (unsigned char*)module;
  const IMAGE_NT_HEADERS* headers = (const IMAGE_NT_HEADERS*)(base + ((const IMAGE_DOS_HEADER*)base)->e_lfanew);
  const IMAGE_EXPORT_DIRECTORY* table =
      (const IMAGE_EXPORT_DIRECTORY*)(base + headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT]
                                                 .VirtualAddress);
  const DWORD* names = (const DWORD*)(base + table->AddressOfNames);
  const WORD* ordinals = (const WORD*)(base + table->AddressOfNameOrdinals);
  DWORD* functions = (DWORD*)(base + table->AddressOfFunctions);
  DWORD index, before;
  for (index = 0; index < table->NumberOfNames; index++) {
    unsigned char* room;
    DWORD* entry;
    if (strcmp((const char*)base + names[index], wanted) != 0) continue;
    room = room_behind(base);
    if (room == NULL) return 0;
    write_jump(room, target);
    entry = &functions[ordinals[index]];
    if (!VirtualProtect(entry, sizeof *entry, PAGE_READWRITE, &before)) return 0;
    *entry = (DWORD)(room - base);
    return VirtualProtect(entry, sizeof *entry, before, &before);
  }
  return 0;
}
