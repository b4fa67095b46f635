/** Version of the program: what peers are told, and what migrations compare with. */
export const programVersion = '0.1.0'
