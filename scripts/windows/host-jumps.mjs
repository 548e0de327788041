// What stands in an addon for Windows in place of an import of node.exe: a jump through a slot for each function of the
// host, the slots, and their names (host_symbols.c fills them in). By processor.

const X64 = { prefix: '', word: '.quad', align: 8, jump: (slot) => [`jmp *${slot}(%rip)`] }

const MACHINES = {
  x64: X64,
  ia32: { prefix: '_', word: '.long', align: 4, jump: (slot) => [`jmp *${slot}`] },
  arm64: {
    ...X64,
    // x16 is the linker's to spoil between a call and what it calls (Arm's ABI, "IP0").
    jump: (slot) => [`adrp x16, ${slot}`, `ldr x16, [x16, :lo12:${slot}]`, 'br x16'],
  },
}

/** The source, for the assembler, of the jumps to `symbols`, which are named as in C. */
export function hostJumps(symbols, arch) {
  const { prefix, word, align, jump } = MACHINES[arch]
  return [
    '.text',
    ...symbols.flatMap((name) => [
      '.balign 4',
      `.globl ${prefix}${name}`,
      `.def ${prefix}${name}; .scl 2; .type 32; .endef`,
      `${prefix}${name}:`,
      ...jump(`slot_${name}`),
    ]),
    '.data',
    `.balign ${align}`,
    `.globl ${prefix}host_slots`,
    `${prefix}host_slots:`,
    ...symbols.map((name) => `slot_${name}: ${word} 0`),
    '.section .rdata,"dr"',
    `.globl ${prefix}host_names`,
    `${prefix}host_names:`,
    ...symbols.map((name) => `.asciz "${name}"`),
    '.byte 0',
    '',
  ].join('\n')
}

/** Of the undefined symbols of objects, named as in C, those that the host has. */
export const hostSymbols = (names) => [...new Set(names.filter((name) => /^(napi|node_api|uv)_/.test(name)))].sort()
