/* How the machine comes in: the arm64 Image header, a stack, and no MMU. */

	.section .head.text, "ax"
	.globl	_head
_head:					/* Linux: Documentation/arch/arm64/booting.rst */
	b	start
	.long	0
	.quad	0			/* text_offset: QEMU turns 0 into RAM + 2 MiB */
	.quad	_image_size
	.quad	0xa			/* flags: little endian, 4 KiB pages, anywhere */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

start:					/* x0: the device tree */
	ldr	x1, =stack_top
	mov	sp, x1
	ldr	x1, =vectors
	msr	vbar_el1, x1
	ldr	x1, =__bss_start
	ldr	x2, =_end
1:	str	xzr, [x1], #8
	cmp	x1, x2
	b.lo	1b
	bl	start_kernel
	b	.

	.globl	firmware		/* firmware(PSCI function): does not come back */
firmware:
	hvc	#0
	b	.

exception:
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	mrs	x2, far_el1
	b	unexpected

	.align	11
vectors:
	.rept	16
	b	exception
	.align	7
	.endr

	.bss
	.align	4
	.space	16384
stack_top:
