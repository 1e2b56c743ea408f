; Room for three character sets of 256, and where it is: the loader of this image looks for the word.

                align 16, db 0
font_directory: db 'FONTSETS'
                dw font8, font14, font16
                align 16, db 0
font8:          times 256 * 8 db 0
font14:         times 256 * 14 db 0
font16:         times 256 * 16 db 0
