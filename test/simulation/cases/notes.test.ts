import './notes'
import { playInEveryCut } from './told'

playInEveryCut()
